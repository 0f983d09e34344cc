"""Who only reads shards must not wait for, nor install, what only the stages need."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from stores import build_faces

import faceshards

HEAVY = {"torch", "cv2", "dask", "distributed", "pandas", "click", "pydantic", "requests"}


def modules_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_faceshards_alone_does_not_even_load_numpy() -> None:
    assert not modules_after("import faceshards; faceshards.Region.NOSE") & (HEAVY | {"numpy", "zarr", "pyarrow"})


@pytest.mark.parametrize("view", ["original", "variants"])
def test_reading_batches_loads_nothing_heavy(tmp_path: Path, view: str) -> None:
    path = build_faces(tmp_path / "work", tmp_path / "out")
    code = f"import faceshards\nfaceshards.open({str(path)!r})[0]\n"
    code += f"print(len(list(faceshards.open({str(path)!r}).batches(4, shuffle=True, view={view!r}))))"
    assert not modules_after(code) & HEAVY


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted in /proc")
def test_opening_a_store_leaves_no_thread_behind(tmp_path: Path) -> None:
    path = build_faces(tmp_path / "work", tmp_path / "out")
    code = (
        "import os, faceshards, numpy, pyarrow\n"
        "threads = lambda: len(os.listdir('/proc/self/task'))\n"
        f"before = threads(); faceshards.open({str(path)!r})[0]; print(threads() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_the_store_loads_nothing_heavy() -> None:
    names = ("writer", "finish", "reader", "verify", "sha256sums")
    assert not modules_after("\n".join(f"import faceshards.store.{name}" for name in names)) & HEAVY


@pytest.mark.parametrize(("module", "extra"), [("transforms", "torch"), ("cam", "cam"), ("parsing", "pipeline")])
def test_what_needs_torch_says_which_extra_brings_it(module: str, extra: str) -> None:
    script = f"import sys; sys.modules['torch'] = None\nimport faceshards.{module}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].startswith(
        f"faceshards.errors.MissingExtraError: faceshards.{module} needs an extra: pip install 'faceshards[{extra}]'"
    )


def test_without_torch_a_loader_can_be_looked_at_and_says_which_extra_makes_one() -> None:
    script = (
        "import sys; sys.modules['torch'] = None\nimport faceshards, pydoc\nfrom faceshards import *\n"
        "assert hasattr(faceshards, 'Loader') and 'batch_size' in pydoc.render_doc(faceshards.Loader)\n"
        "faceshards.Loader('data/shards', 128)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].startswith(
        "faceshards.errors.MissingExtraError: faceshards.Loader needs an extra: pip install 'faceshards[torch]'"
    )


def test_looking_at_the_loader_loads_no_torch() -> None:
    assert not modules_after("import faceshards; faceshards.Loader.__doc__") & HEAVY


def test_what_others_call_it_is_hinted_at() -> None:
    for name, where in (("FSErasing", "transforms.FSErasing"), ("DataLoader", "Loader"), ("load", "open")):
        with pytest.raises(AttributeError, match=rf"no attribute '{name}'; see faceshards\.{where}$"):
            getattr(faceshards, name)


def test_the_public_face_lists_its_lazy_names() -> None:
    names = ["Cache", "Dataset", "Erase", "Loader", "Region", "Shuffle", "__version__", "open"]
    assert dir(faceshards) == sorted([*names, "cam", "errors", "parsing", "transforms"])
    assert faceshards.errors.ParamsError
    with pytest.raises(AttributeError, match="no attribute 'shut'"):
        faceshards.shut()


def test_the_version_is_the_one_of_the_package(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert faceshards.__version__ == project["version"]

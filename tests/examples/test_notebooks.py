"""The notebooks of `examples`: each runs, and what is committed shows one run of it from top to bottom."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
PICTURES = {"image/jpeg", "image/png", "image/svg+xml"}
MOST_BYTES = 400_000
# To train to the end takes long and shows no more of the code: for a run's test, fewer faces and epochs.
SHORTER = {
    "01_shards_to_trainer": (("range(10)", "range(2)"),),
    "02_fserasing": (),
    "03_fscam": (("people=10", "people=5"), ("total_steps=30 * 3", "total_steps=2 * 3"), ("range(30)", "range(2)")),
}
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/<])/\w+/\w|\b[A-Z]:\\\\?\w")

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def kinds(notebook: Any) -> list[list[tuple[str, ...]]]:
    """Of each cell and output: its type, its stream, and in which formats it comes."""
    return [
        [(o.output_type, o.get("name", ""), *sorted(o.get("data", ()))) for o in c.outputs]
        for c in code_cells(notebook)
    ]


def texts(notebook: Any) -> list[str]:
    """Everything that is written in a notebook, but no encoded pictures."""
    data = [
        text for output in outputs(notebook) for kind, text in output.get("data", {}).items() if "image/j" not in kind
    ]
    return [*(cell.source for cell in notebook.cells), *(output.get("text", "") for output in outputs(notebook)), *data]


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A copy of the examples and of what they read, to run in."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("data", "__pycache__"))
    for name in ("params.yaml", "manifests/facesynthetics_sha256.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path / "examples"


def shorten(notebook: Path) -> None:
    text = notebook.read_text()
    for long, short in SHORTER[notebook.stem]:
        assert text.count(long) == 1
        text = text.replace(long, short)
    notebook.write_text(text)


def test_there_are_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["01_shards_to_trainer", "02_fserasing", "03_fscam"]


@pytest.mark.timeout(600)  # seconds of work, but of a busy machine's
@each_notebook
def test_it_runs_and_shows_the_kinds_of_output_that_are_committed(path: Path, examples: Path) -> None:
    shorten(examples / path.name)
    command = [sys.executable, "run_notebooks.py", path.name]
    done = subprocess.run(command, cwd=examples, capture_output=True, text=True, timeout=540, check=False)
    assert done.returncode == 0, done.stderr
    assert kinds(nbformat.read(examples / path.name, 4)) == kinds(nbformat.read(path, 4))


@each_notebook
def test_it_is_valid_and_small(path: Path) -> None:
    nbformat.validate(nbformat.read(path, 4))
    assert path.stat().st_size < MOST_BYTES


@each_notebook
def test_its_outputs_are_those_of_one_run_from_the_top_without_errors_or_warnings(path: Path) -> None:
    notebook = nbformat.read(path, 4)
    assert [cell.execution_count for cell in code_cells(notebook)] == [*range(1, len(code_cells(notebook)) + 1)]
    assert not [o for o in outputs(notebook) if o.output_type == "error" or o.get("name") == "stderr"]


@each_notebook
def test_its_pictures_are_in_it(path: Path) -> None:
    shown = [PICTURES & set(output.get("data", ())) for output in outputs(nbformat.read(path, 4))]
    assert sum(map(bool, shown)) >= 3


@each_notebook
def test_it_names_no_path_of_a_machine(path: Path) -> None:
    assert not [text for text in texts(nbformat.read(path, 4)) if ABSOLUTE_PATH.search(text)]


@pytest.mark.parametrize("text", ["/home/me/shards", "open('/tmp/x')", "in /usr/lib", r"C:\Users", r"'C:\\Users'"])
def test_a_path_of_a_machine_is_recognised(text: str) -> None:
    assert ABSOLUTE_PATH.search(text)


@each_notebook
def test_words_come_before_every_cell_of_code(path: Path) -> None:
    cells = nbformat.read(path, 4).cells
    assert all(cells[i - 1].cell_type == "markdown" for i, cell in enumerate(cells) if cell.cell_type == "code")


def test_the_training_that_was_resumed_shows_what_the_other_one_shows() -> None:
    rest, resumed = code_cells(nbformat.read(ROOT / "examples/01_shards_to_trainer.ipynb", 4))[-2:]
    assert rest.outputs[0].data == resumed.outputs[0].data


def test_the_index_names_every_example() -> None:
    index = (ROOT / "examples/README.md").read_text()
    files = [path.name for path in (ROOT / "examples").iterdir() if path.suffix in (".py", ".ipynb")]
    assert [name for name in files if name not in index] == []

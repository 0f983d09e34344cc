"""What decides that a stage runs again: the modules that it imports and the data files that they read."""

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

STAGES = ("align", "download", "erase", "inputs", "parse", "plan", "report", "verify")


_COMMANDS = """
import io, json, sys
from contextlib import redirect_stdout
from faceshards.stages.code import main
for arguments in sys.stdin:
    with redirect_stdout(io.StringIO()) as said:
        main(json.loads(arguments), standalone_mode=False)
    print(json.dumps(said.getvalue()), flush=True)
"""


class Project:
    """A copy of the code of the project, and a process there that runs the command `stage code` when asked."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._out = folder / "listed"
        self.path = folder / "project"
        self.path.mkdir()
        self.as_committed()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _COMMANDS],
            cwd=self.path,
            env={"PYTHONPATH": str(self.path / "pipeline")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def as_committed(self) -> None:
        """Undo all edits."""
        for path in self.path.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(self._root / "pipeline", self.path / "pipeline", ignore=ignored)

    def code(self, *arguments: object) -> str:
        """What `faceshards stage code` prints."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(list(map(str, arguments))), file=self._process.stdin, flush=True)
        return str(json.loads(self._process.stdout.readline()))

    def listings(self) -> dict[str, dict[str, str]]:
        """What the command writes for each stage and for training, as digests by path."""
        shutil.rmtree(self._out, ignore_errors=True)
        self.code(*STAGES, "train", "--out", self._out)
        return {
            file.name: {path: digest for digest, path in (line.split("  ") for line in file.read_text().splitlines())}
            for file in self._out.iterdir()
        }

    def close(self) -> None:
        self._process.communicate(timeout=60)


def stages_that_differ(before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]) -> set[str]:
    assert set(before) == set(after) == {*STAGES, "train"}
    return {stage for stage in before if before[stage] != after[stage]}


@pytest.fixture(scope="module")
def copied(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    copied = Project(root, tmp_path_factory.mktemp("code"))
    yield copied
    copied.close()


@pytest.fixture(scope="module")
def listed(copied: Project) -> dict[str, dict[str, str]]:
    return copied.listings()


@pytest.fixture
def project(copied: Project, listed: dict[str, dict[str, str]]) -> Iterator[Project]:
    """To be edited, after it was `listed`."""
    yield copied
    copied.as_committed()


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("faceshards", cache_dir=None, exclude_type_checking_imports=True)


def test_the_list_of_a_stage_has_exactly_the_modules_that_it_imports(
    listed: dict[str, dict[str, str]], graph: grimp.ImportGraph
) -> None:
    for stage, listing in listed.items():
        entry = "faceshards.build.train" if stage == "train" else f"faceshards.stages.{stage}"
        modules = {path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in listing}
        data = {path.replace("/", ".") for path in listing if not path.endswith(".py")}
        assert modules - data == {entry} | graph.find_upstream_modules(entry)


def test_only_parse_waits_for_the_parser_and_so_for_torch(graph: grimp.ImportGraph) -> None:
    for stage in STAGES:
        parsing = {name for name in graph.find_upstream_modules(f"faceshards.stages.{stage}") if ".parsing" in name}
        assert bool(parsing) is (stage == "parse"), stage


def test_comments_docstrings_and_the_breaking_of_lines_change_no_list(
    listed: dict[str, dict[str, str]], project: Project
) -> None:
    for path in project.path.rglob("faceshards/**/*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
                node.body[0].value.value = "Another text."  # type: ignore[attr-defined]
        path.write_text("# A comment.\n" + ast.unparse(tree) + "\n\n\n# Another.\n")
    assert project.listings() == listed


def test_an_edit_of_one_stage_s_code_changes_that_stage_alone(
    listed: dict[str, dict[str, str]], project: Project
) -> None:
    for file, stage in (
        ("build/erase.py", "erase"),
        ("build/align.py", "align"),
        ("build/placing.py", "plan"),
        ("build/verify.py", "verify"),
        ("report/skipped.py", "report"),
        ("parsing/losses.py", "train"),
    ):
        path = project.path / "pipeline/faceshards" / file
        before = path.read_text()
        path.write_text(before + "\n_ANOTHER = 1\n")
        assert stages_that_differ(listed, project.listings()) == {stage}
        path.write_text(before)


def test_an_edit_of_shared_code_changes_every_stage_that_shares_it(
    listed: dict[str, dict[str, str]], project: Project
) -> None:
    path = project.path / "pipeline/faceshards/source/recordio.py"
    path.write_text(path.read_text() + "\n_ANOTHER = 1\n")
    assert stages_that_differ(listed, project.listings()) == {"download", "plan", "align", "report", "train"}


def test_an_edit_of_a_value_is_seen_and_one_in_the_loader_changes_nothing(
    listed: dict[str, dict[str, str]], project: Project
) -> None:
    edit(project.path / "pipeline/faceshards/loader/ranks.py", "import os\n", "import json\nimport os\n")
    assert stages_that_differ(listed, project.listings()) == set()
    edit(project.path / "pipeline/faceshards/parsing/parser.py", "CPU_BATCH = 8", "CPU_BATCH = 9")
    assert stages_that_differ(listed, project.listings()) == {"parse"}


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("ops/mesh_map.json", {"align", "parse", "train"}),
        ("facemesh/face_landmark.tflite", {"align", "train"}),
        ("facemesh/face_detection_short_range.tflite", {"align", "train"}),
        ("facemesh/NOTICE", {"align", "train"}),
        ("ops/aligned_landmarks.json", {"parse"}),
        ("parsing/bundled.safetensors", {"parse", "train"}),
        ("report/templates/_gallery.html", {"report"}),
    ],
)
def test_a_changed_data_file_changes_the_stages_that_use_it(
    file: str, stages: set[str], listed: dict[str, dict[str, str]], project: Project
) -> None:
    path = project.path / "pipeline/faceshards" / file
    path.write_bytes(path.read_bytes() + b" ")
    assert stages_that_differ(listed, project.listings()) == stages


def test_a_data_file_that_no_module_names_counts_for_all_beside_it(
    listed: dict[str, dict[str, str]], project: Project
) -> None:
    (project.path / "pipeline/faceshards/report/nobody_names_me.csv").write_text("a\n")
    assert stages_that_differ(listed, project.listings()) == {"report"}


def test_every_data_file_that_a_stage_may_read_is_in_a_list(listed: dict[str, dict[str, str]], root: Path) -> None:
    package = root / "pipeline/faceshards"
    of_new_repositories = package / "project/template"
    data = {
        f"faceshards/{path.relative_to(package).as_posix()}"
        for path in package.rglob("*")
        if path.is_file()
        and path.suffix not in (".py", ".pyc", ".typed")
        and not path.is_relative_to(of_new_repositories)
    }
    assert data <= set().union(*listed.values())


_OPENED = """
import sys
from pathlib import Path
opened = set()
sys.addaudithook(lambda event, args: opened.add(str(args[0])) if event == "open" else None)
import small_pipeline as small
from faceshards.build.params import ReportParams
from faceshards.report.page import write_report
data = Path(sys.argv[1])
few = small.RECIPE.replace("identities: 5", "identities: 3")
shards = small.run_pipeline(small.small_params(data / "recipe.yaml", small.RunParams(workers=1), few), data)
write_report(shards, data / "aligned", {}, data / "report.html", ReportParams())
print("\\n".join(sorted(opened)))
"""


def test_a_run_opens_no_data_file_of_the_package_that_no_list_has(
    listed: dict[str, dict[str, str]], root: Path, tmp_path: Path
) -> None:
    environment = {"PYTHONPATH": f"{root / 'pipeline'}:{root / 'tests'}"}
    command = [sys.executable, "-c", _OPENED, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    package = root / "pipeline"
    read = {
        Path(line).relative_to(package).as_posix()
        for line in done.stdout.splitlines()
        if line.startswith(f"{package}/") and Path(line).is_file() and not line.endswith((".py", ".pyc"))
    }
    assert "faceshards/ops/mesh_map.json" in read
    assert "faceshards/facemesh/face_landmark.tflite" in read
    assert "faceshards/parsing/bundled.safetensors" in read
    stages = ("download", "align", "parse", "erase", "report")
    assert read <= set().union(*(listed[stage] for stage in stages))


def test_packages_hold_nothing_of_their_own_but_names_of_their_modules(root: Path) -> None:
    """For a package runs before each of its modules, and counts only where a name is taken from it."""
    package = root / "pipeline/faceshards"
    for init in package.glob("*/**/__init__.py"):
        if init.parent.name == "cli":
            continue
        for statement in ast.parse(init.read_text()).body:
            assert isinstance(statement, ast.Expr | ast.Import | ast.ImportFrom | ast.Try | ast.Assign), init
            if isinstance(statement, ast.Assign):
                assert ast.unparse(statement.targets[0]) == "__all__", init


def test_explain_says_what_a_stage_is_made_of_and_what_changed(project: Project) -> None:
    assert "no `dvc repro` to compare with" in project.code("--explain", "align")
    project.code()
    assert sorted(path.name for path in (project.path / "data/code").iterdir()) == list(STAGES)
    first = project.code("--explain", "align")
    assert "faceshards/ops/mesh_map.json" in first
    assert first.endswith("no change\n")
    map_of_the_mesh = project.path / "pipeline/faceshards/ops/mesh_map.json"
    map_of_the_mesh.write_bytes(map_of_the_mesh.read_bytes() + b" ")
    edit(project.path / "pipeline/faceshards/build/align.py", "import hashlib\n", "")
    assert project.code("--explain", "align").splitlines()[-3:] == [
        "since the last `dvc repro` (data/code/align): 2 differ",
        "  changed  faceshards/build/align.py",
        "  changed  faceshards/ops/mesh_map.json",
    ]

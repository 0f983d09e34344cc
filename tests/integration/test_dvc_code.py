"""What `dvc repro` runs again after an edit, in a clone of the project."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from test_dvc import copy_of_the_project, dvc
from test_dvc_remote import git

UP_TO_DATE = "Data and pipelines are up to date."


def ran(output: str) -> list[str]:
    return re.findall(r"^Running stage '(\w+)'", output, re.M)


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


@pytest.fixture(scope="module")
def clone(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of a repository in which the pipeline has run and pushed, with the data pulled."""
    top = tmp_path_factory.mktemp("clone")
    origin = copy_of_the_project(root, top / "origin", workers=1)
    dvc(origin, "config", "--unset", "core.no_scm")
    git(origin, "init")
    dvc(origin, "remote", "add", "--default", "storage", str(top / "remote"))
    dvc(origin, "repro")
    git(origin, "add", ".")
    git(origin, "commit", "--message", "the project")
    dvc(origin, "push")
    git(top, "clone", str(origin), str(top / "clone"))
    dvc(top / "clone", "pull")
    return top / "clone"


@pytest.fixture(autouse=True)
def _as_it_was(clone: Path) -> Iterator[None]:
    """Each test leaves the next a clean clone."""
    yield
    git(clone, "checkout", "--", ".")
    git(clone, "clean", "--force")
    dvc(clone, "repro")


def changes_that_git_sees(clone: Path) -> str:
    command = ["git", "status", "--porcelain"]
    return subprocess.run(command, cwd=clone, capture_output=True, text=True, check=True).stdout


def test_in_a_fresh_clone_git_and_dvc_have_nothing_to_say(clone: Path) -> None:
    assert dvc(clone, "status").splitlines() == [UP_TO_DATE]
    assert ran(dvc(clone, "repro")) == []
    assert changes_that_git_sees(clone) == ""
    for command in (("metrics", "show"), ("metrics", "diff"), ("plots", "show"), ("pull",), ("diff",)):
        output = dvc(clone, *command)
        assert not re.search("fail|warn|error|not found", output, re.I), output
    assert changes_that_git_sees(clone) == ""


def test_a_clone_without_the_data_makes_it_again_and_changes_nothing_that_git_sees(clone: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", str(clone), "other")
    assert ran(dvc(tmp_path / "other", "repro")) == [
        *("code", "download", "plan", "align", "parse", "erase", "verify", "report")
    ]
    assert changes_that_git_sees(tmp_path / "other") == ""
    assert dvc(tmp_path / "other", "status").splitlines() == [UP_TO_DATE]


def test_an_edit_of_comments_runs_only_the_list_of_code(clone: Path) -> None:
    for file in ("regions.py", "build/align.py", "store/writer.py"):
        append(clone / "pipeline/faceshards" / file, "\n# A comment.\n")
    assert ran(dvc(clone, "repro")) == ["code"]


def test_training_lists_its_own_code_and_the_pipeline_says_nothing_of_it(clone: Path) -> None:
    training = ("--cd", "stages/train")
    assert ran(dvc(clone, *training, "repro", "code")) == ["code"]
    assert ran(dvc(clone, *training, "repro", "code")) == []
    assert "faceshards/parsing/losses.py" in (clone / "stages/train/code/train").read_text()
    assert dvc(clone, "status").splitlines() == [UP_TO_DATE]
    assert changes_that_git_sees(clone).split() == ["??", "stages/train/dvc.lock"]


def test_the_package_of_the_clone_runs_whichever_else_is_installed(clone: Path) -> None:
    append(clone / "pipeline/faceshards/build/verify.py", "\nraise SystemExit('of this clone')\n")
    command = [sys.executable, "-m", "stages.verify"]
    done = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)
    assert "of this clone" in done.stderr


def test_an_edit_of_erase_runs_erase_and_what_is_made_from_it(clone: Path) -> None:
    card = clone / "pipeline/faceshards/build/card.py"
    card.write_text(card.read_text().replace("Licence of the images:", "The images' licence:"))
    assert ran(dvc(clone, "repro")) == ["code", "erase", "verify", "report"]
    assert "The images' licence" in (clone / "data/shards/README.md").read_text()


def test_a_changed_data_file_runs_what_uses_it(clone: Path) -> None:
    append(clone / "pipeline/faceshards/report/templates/report.css", "\nbody { margin: 1px }\n")
    assert ran(dvc(clone, "repro")) == ["code", "report"]


def test_weights_overwritten_in_place_are_seen(clone: Path) -> None:
    bundled = clone / "pipeline/faceshards/parsing/bundled.safetensors"
    weights = clone / "w.safetensors"
    weights.write_bytes(bundled.read_bytes())
    params = clone / "params.yaml"
    params.write_text(params.read_text().replace("weights: bundled", "weights: w.safetensors"))
    assert ran(dvc(clone, "repro"))[:2] == ["inputs", "parse"]
    assert dvc(clone, "status").splitlines() == [UP_TO_DATE]
    state = load_file(weights)
    state["final.bias"][0] += 1
    save_file(state, weights)
    assert "manifests/inputs/weights" in dvc(clone, "status")
    assert ran(dvc(clone, "repro"))[:2] == ["inputs", "parse"]

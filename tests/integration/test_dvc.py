"""The pipeline as its users run it: `dvc repro` in a project, in a clone of it, and after an edit."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from doc_blocks import shown
from dvc_projects import copy_of_the_project, dvc, edit_params, git, ran
from safetensors.torch import load_file, save_file
from small_pipeline import RECIPE

UP_TO_DATE = "Data and pipelines are up to date."


@pytest.fixture(scope="module")
def project(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which the pipeline has run without git; then it was committed and pushed."""
    top = tmp_path_factory.mktemp("dvc")
    project = copy_of_the_project(root, top / "project")
    (top / "said.txt").write_text(dvc(project, "repro"))
    dvc(project, "config", "--unset", "core.no_scm")
    dvc(project, "remote", "add", "--default", "storage", str(top / "remote"))
    git(project, "init")
    git(project, "add", ".")
    git(project, "commit", "--message", "the project")
    dvc(project, "push")
    return project


@pytest.fixture(scope="module")
def clone(project: Path) -> Path:
    """A clone of it, with the data pulled."""
    clone = project.with_name("clone")
    git(project.parent, "clone", str(project), str(clone))
    dvc(clone, "pull")
    return clone


@pytest.fixture
def edited(clone: Path) -> Iterator[Path]:
    """The clone, which is as it was after each test."""
    yield clone
    git(clone, "checkout", "--", ".")
    git(clone, "clean", "--force")
    dvc(clone, "checkout")


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def changes_that_git_sees(repo: Path) -> list[str]:
    return git(repo, "status", "--porcelain").splitlines()


@pytest.mark.parametrize(("page", "command"), [("README.md", "make repro"), ("docs/first-hour.md", "dvc repro")])
def test_the_pages_show_the_stages_as_dvc_repro_prints_them(project: Path, page: str, command: str) -> None:
    said = re.sub(r"\d+", "N", project.with_name("said.txt").read_text()).splitlines()
    told = [line for line in shown(page, command).splitlines() if re.match(r"Running stage|> |align: |erase: ", line)]
    assert [line for line in re.sub(r"\d+", "N", "\n".join(told)).splitlines() if line not in said] == []
    assert len(told) > 2


def test_the_list_of_hashes_is_what_coreutils_reads(project: Path) -> None:
    sums = project / "manifests/shards.sha256"
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", sums], cwd=project / "data/shards", check=True)


def test_git_has_the_hash_of_the_list_so_that_a_signed_tag_signs_the_data(project: Path) -> None:
    told = json.loads((project / "reports/metrics/verify.json").read_text())
    sums = (project / "manifests/shards.sha256").read_bytes()
    assert told["sha256_of_sums"] == hashlib.sha256(sums).hexdigest()


def test_metrics_and_plots_are_filled(project: Path) -> None:
    assert "reports/metrics/parse.json" in dvc(project, "metrics", "show")
    assert (project / "reports/report.html").stat().st_size > 10_000
    plots = dvc(project, "plots", "show", "--show-vega", "region_area")
    assert "around_right_eye" in plots


def test_a_lost_file_comes_back_from_the_cache_though_nobody_trained_here(project: Path) -> None:
    shard = next((project / "data/shards").rglob("c.0.0.0.0"))
    content = shard.read_bytes()
    shard.unlink()
    dvc(project, "checkout", "--force")
    assert shard.read_bytes() == content


def test_in_a_fresh_clone_git_and_dvc_have_nothing_to_say(clone: Path) -> None:
    assert dvc(clone, "status").splitlines() == [UP_TO_DATE]
    assert changes_that_git_sees(clone) == []
    for command in (("metrics", "show"), ("metrics", "diff"), ("plots", "show"), ("pull",), ("diff",)):
        output = dvc(clone, *command)
        assert not re.search("fail|warn|error|not found", output, re.I), output
    assert changes_that_git_sees(clone) == []


def test_a_second_run_does_nothing_and_says_so(clone: Path) -> None:
    said = dvc(clone, "repro")
    assert UP_TO_DATE in said
    assert ran(said) == []
    assert changes_that_git_sees(clone) == []


def test_a_clone_without_the_data_makes_the_same_hashes_again_whose_number_of_workers_nothing_depends_on(
    clone: Path, tmp_path: Path
) -> None:
    git(tmp_path, "clone", str(clone), "other")
    other = tmp_path / "other"
    assert ran(dvc(other, "repro")) == ["code", "download", "plan", "align", "parse", "erase", "verify", "report"]
    assert changes_that_git_sees(other) == []  # also not dvc.lock, which holds the hash of every out
    edit_params(other, "workers: 1", "workers: 2")
    assert dvc(other, "status").splitlines() == [UP_TO_DATE]


def test_a_path_that_is_missing_is_a_plain_message(edited: Path) -> None:
    edit_params(edited, "  path: manifests/demo.yaml", "  path: nowhere/faces")
    said = dvc(edited, "repro", "inputs", fails=True)
    assert "source.path: expected a file or a folder at nowhere/faces; found nothing there" in said
    assert "unexpected error" not in said


def test_a_change_of_what_source_path_names_is_seen(clone: Path) -> None:
    recipe = clone / "manifests/demo.yaml"
    recipe.write_text(RECIPE.replace("seed: 3", "seed: 4"))
    said = dvc(clone, "status", "download")
    recipe.write_text(RECIPE)
    assert "manifests/inputs/source" in said


def test_an_edit_of_comments_runs_only_the_list_of_code(edited: Path) -> None:
    for file in ("regions.py", "build/align.py", "store/writer.py"):
        append(edited / "pipeline/faceshards" / file, "\n# A comment.\n")
    assert ran(dvc(edited, "repro")) == ["code"]


def test_training_lists_its_own_code_and_the_pipeline_says_nothing_of_it(edited: Path) -> None:
    training = ("--cd", "stages/train")
    assert ran(dvc(edited, *training, "repro", "code")) == ["code"]
    assert ran(dvc(edited, *training, "repro", "code")) == []
    assert "faceshards/parsing/losses.py" in (edited / "stages/train/code/train").read_text()
    assert dvc(edited, "status").splitlines() == [UP_TO_DATE]
    assert changes_that_git_sees(edited) == ["?? stages/train/dvc.lock"]


def test_a_stage_refuses_a_package_that_is_not_the_one_of_this_version(clone: Path, root: Path) -> None:
    lock = clone / "faceshards.lock"
    before = lock.read_text()
    lock.write_text(re.sub("verify: .*", f'verify: "{"0" * 64}"', before))
    for command in ("verify", "code"):
        done = subprocess.run(
            [sys.executable, "-m", "faceshards", "stage", command],
            cwd=clone,
            env={**os.environ, "PYTHONPATH": str(root / "pipeline")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert f"pip install --editable {clone}[pipeline]" in done.stderr
    lock.write_text(before)


def test_an_edit_of_erase_runs_erase_and_what_is_made_from_it(edited: Path) -> None:
    # docs/dataset.md shows the same after an edit of its params.
    card = edited / "pipeline/faceshards/build/card.py"
    card.write_text(card.read_text().replace("Licence of the images:", "The images' licence:"))
    assert ran(dvc(edited, "repro")) == ["code", "erase", "verify", "report"]
    assert "The images' licence" in (edited / "data/shards/README.md").read_text()


def test_a_changed_data_file_runs_what_uses_it(edited: Path) -> None:
    append(edited / "pipeline/faceshards/report/templates/report.css", "\nbody { margin: 1px }\n")
    assert ran(dvc(edited, "repro")) == ["code", "report"]


def test_weights_overwritten_in_place_are_seen(edited: Path) -> None:
    bundled = edited / "pipeline/faceshards/parsing/bundled.safetensors"
    weights = edited / "w.safetensors"
    weights.write_bytes(bundled.read_bytes())
    edit_params(edited, "weights: bundled", "weights: w.safetensors")
    assert ran(dvc(edited, "repro", "inputs")) == ["inputs"]
    dvc(edited, "commit", "--force", "parse")  # as if it had run with them
    assert dvc(edited, "status", "parse").splitlines() == [UP_TO_DATE]
    state = load_file(weights)
    state["final.bias"][0] += 1
    save_file(state, weights)
    assert "manifests/inputs/weights" in dvc(edited, "status", "parse")

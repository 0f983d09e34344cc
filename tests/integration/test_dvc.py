"""The pipeline as its users run it: `dvc repro` in a copy of the project."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from small_pipeline import RECIPE

PROJECT = (
    *("dvc.yaml", "params.yaml", "manifests", "stages", "pipeline", "reports/.gitignore", ".gitignore"),
    *(".dvc/.gitignore", ".dvc/config", ".dvc/plots", ".dvcignore"),
)


def copy_of_the_project(root: Path, to: Path, workers: int) -> Path:
    for name in PROJECT:
        source, target = root / name, to / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "shards.sha256", "parser", "cache", "tmp")
            shutil.copytree(source, target, symlinks=True, ignore=ignored)
        else:
            shutil.copy(source, target)
    (to / "manifests/demo.yaml").write_text(RECIPE)
    params = (to / "params.yaml").read_text()
    for old, new in (
        ("workers: auto", f"workers: {workers}"),
        ("shard_rows: 2048", "shard_rows: 4"),
        ("chunk_rows: 32", "chunk_rows: 2"),
    ):
        assert old in params
        params = params.replace(old, new)
    (to / "params.yaml").write_text(params)
    dvc(to, "config", "core.no_scm", "true")
    return to


def dvc(project: Path, *arguments: str, fails: bool = False) -> str:
    """Run dvc with this environment's python first on the path, as an activated environment has it."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=project,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def outs(project: Path) -> dict[str, Any]:
    lock = YAML(typ="safe", pure=True).load(project / "dvc.lock")
    return {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}


@pytest.fixture(scope="module")
def reproduced(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = copy_of_the_project(root, tmp_path_factory.mktemp("one") / "project", workers=1)
    dvc(project, "repro")
    return project


def test_a_second_run_does_nothing_and_says_so(reproduced: Path) -> None:
    before = outs(reproduced)
    assert "Data and pipelines are up to date" in dvc(reproduced, "repro")
    assert outs(reproduced) == before


def test_another_copy_with_two_workers_gives_the_same_hashes(reproduced: Path, root: Path, tmp_path: Path) -> None:
    other = copy_of_the_project(root, tmp_path / "project", workers=2)
    dvc(other, "repro")
    assert outs(other) == outs(reproduced)


def test_a_lost_file_comes_back_from_the_cache_though_nobody_trained_here(reproduced: Path) -> None:
    shard = next((reproduced / "data/shards").rglob("c.0.0.0.0"))
    content = shard.read_bytes()
    shard.unlink()
    dvc(reproduced, "checkout", "--force")
    assert shard.read_bytes() == content


def test_the_list_of_hashes_is_what_coreutils_reads(reproduced: Path) -> None:
    sums = reproduced / "manifests/shards.sha256"
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", sums], cwd=reproduced / "data/shards", check=True)


def test_metrics_and_plots_are_filled(reproduced: Path) -> None:
    assert "reports/metrics/parse.json" in dvc(reproduced, "metrics", "show")
    assert (reproduced / "reports/report.html").stat().st_size > 10_000
    plots = dvc(reproduced, "plots", "show", "--show-vega", "region_area")
    assert "around_right_eye" in plots


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("path: null", "source.path: Input should be a valid string; found None"),
        ("path: nowhere/faces", "source.path: expected a file or a folder at nowhere/faces; found nothing there"),
        ("landmarks: points.csv", "source.landmarks: expected a file or a folder at points.csv; found nothing there"),
    ],
)
def test_a_path_that_is_missing_or_mistyped_is_a_plain_message(
    root: Path, tmp_path: Path, change: str, message: str
) -> None:
    project = copy_of_the_project(root, tmp_path / "project", workers=1)
    key = change.partition(":")[0]
    old = next(line for line in (project / "params.yaml").read_text().splitlines() if line.startswith(f"  {key}: "))
    (project / "params.yaml").write_text((project / "params.yaml").read_text().replace(old, f"  {change}", 1))
    said = dvc(project, "repro", "download", fails=True)
    assert message in said
    assert "unexpected error" not in said


def test_a_change_of_what_source_path_names_is_seen(reproduced: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(reproduced, project, symlinks=True)
    (project / "manifests/demo.yaml").write_text(RECIPE.replace("seed: 3", "seed: 4"))
    assert "manifests/inputs/source" in dvc(project, "status", "download")

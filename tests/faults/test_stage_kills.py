"""Stages killed in the middle of what they write: the next run ends in the same files, and nothing is left."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from outcomes import Outcome
from small_pipeline import RECIPE

KILLED = ("inputs", "download", "plan")
_POINTS = 2


def test_a_stage_killed_at_any_moment_ends_in_the_same_files_when_it_is_run_again(
    root: Path, small_run: Path, tmp_path: Path
) -> None:
    """`make faults` kills all stages at more points."""
    shutil.copytree(small_run, tmp_path / "data", ignore=shutil.ignore_patterns(".work"))
    (tmp_path / "data/.work").mkdir()
    shutil.copytree(root / "manifests", tmp_path / "manifests", ignore=shutil.ignore_patterns("inputs"))
    (tmp_path / "small.yaml").write_text(RECIPE)
    params = (root / "params.yaml").read_text().replace("path: manifests/demo.yaml", "path: small.yaml")
    (tmp_path / "params.yaml").write_text(params)
    sources = [str(folder) for folder in (root, root / "pipeline", root / "tests")]
    command = [sys.executable, str(root / "tests/faults/stage_kills.py"), str(tmp_path), str(_POINTS), *KILLED]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sources)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert {stage for stage, *_ in found} == set(KILLED)
    assert [entry for entry in found if entry[2] != Outcome.HELD] == []

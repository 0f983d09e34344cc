"""kill -9 while the pipeline runs, a worker that dies, a cluster of one's own: the bytes are the same."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from distributed import LocalCluster
from forked import run_with_torch
from small_pipeline import digest, run_pipeline

from faceshards.build.params import Params, RunParams

PIPELINE = ("small_pipeline",)
_RUN = """
import os, signal, sys
from importlib import import_module
from pathlib import Path
from small_pipeline import RunParams, run_pipeline, small_params

recipe, data, stage, task = sys.argv[1:]
task = getattr(import_module(f"faceshards.build.{stage}"), task)
whole = task.run

def run(self, advance):
    if self.shard:  # the second of a split
        os.kill(os.getpid(), signal.SIGKILL)
    whole(self, advance)

task.run = run
run_pipeline(small_params(Path(recipe), RunParams(workers=1)), Path(data))
"""


@pytest.mark.parametrize(
    ("stage", "task", "out"),
    [("align", "AlignTask", "aligned"), ("parse", "ParseTask", "parsed"), ("erase", "EraseTask", "shards")],
)
def test_a_pipeline_killed_in_the_middle_of_a_stage_ends_in_the_same_bytes(
    stage: str, task: str, out: str, small_params: Callable[..., Params], small_run: Path, tmp_path: Path
) -> None:
    params = small_params()
    killed = run_with_torch("-c", _RUN, params.source.path, tmp_path / "data", stage, task, imports=PIPELINE)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / "data" / out).exists()
    assert list((tmp_path / "data/.work/kept" / out).glob("[0-9a-f]*/rows-*"))
    run_pipeline(params, tmp_path / "data")
    assert digest(tmp_path / "data") == digest(small_run)
    left = sorted(path.name for path in (tmp_path / "data/.work").iterdir() if path.suffix != ".lock")
    assert left == ["kept"]


def test_a_cluster_of_ones_own_gives_the_same_bytes_even_when_a_worker_dies(
    small_params: Callable[..., Params], small_run: Path, tmp_path: Path
) -> None:
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", memory_limit=0) as cluster:
        os.kill(cluster.workers[0].pid, signal.SIGKILL)
        params = small_params(RunParams(scheduler=cluster.scheduler_address))
        run_pipeline(replace(params, parse=replace(params.parse, device="cpu")), tmp_path / "data")
    assert digest(tmp_path / "data") == digest(small_run)

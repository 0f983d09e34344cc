"""kill -9 while the pipeline runs, a worker that dies, a cluster of one's own: the bytes are the same."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from distributed import LocalCluster
from small_pipeline import digest, run_pipeline

from faceshards.build.params import Params, RunParams

TESTS = Path(__file__).parents[1]
_RUN = """
import sys
from pathlib import Path
from small_pipeline import RunParams, run_pipeline, small_params
run_pipeline(small_params(Path(sys.argv[1]), RunParams(workers=1)), Path(sys.argv[2]))
"""


@pytest.mark.parametrize("stage", ["aligned", "parsed", "shards"])
def test_a_pipeline_killed_in_the_middle_of_a_stage_ends_in_the_same_bytes(
    stage: str, small_params: Callable[..., Params], small_run: Path, tmp_path: Path
) -> None:
    params = small_params()
    command = [sys.executable, "-c", _RUN, params.source.path, str(tmp_path / "data")]
    child = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(TESTS)}, stderr=subprocess.DEVNULL)
    _wait_for(lambda: any((tmp_path / "data/.work").glob(f"kept/{stage}/[0-9a-f]*/rows-*")), child)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "data" / stage).exists()
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


def _wait_for(condition: Callable[[], bool], child: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert child.poll() is None, "the pipeline ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)

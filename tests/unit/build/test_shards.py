import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from shard_tasks import Flaky, Write, shards

from faceshards.build import gpus
from faceshards.build.params import ParseParams, RunParams, StoreParams
from faceshards.build.parse import _settled, parse_faces
from faceshards.build.shards import run_tasks, threads_per_worker, worker_count
from faceshards.errors import ParamsError


@dataclass(frozen=True)
class Bad:
    faces: int = 3

    def run(self, advance: Callable[[int], object]) -> None:
        raise ValueError("this shard cannot be made")


def test_every_task_runs_in_this_process_where_one_worker_is_asked_for(tmp_path: Path) -> None:
    run_tasks([Write(tmp_path, i) for i in range(7)], RunParams(workers=1), "write")
    assert {(tmp_path / shard).read_text() for shard in shards(tmp_path)} == {f"{os.getpid()} None"}
    assert shards(tmp_path) == [str(i) for i in range(7)]


def test_each_of_two_processes_has_a_gpu_of_its_own_and_loads_its_network_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("faceshards.build.shards.gpu_count", lambda: 2)
    monkeypatch.setenv(gpus.VISIBLE, "5,GPU-8932f937")
    before = dict(os.environ)
    run_tasks([Write(tmp_path, i) for i in range(40)], RunParams(workers=8), "write", gpu=True)
    assert os.environ == before
    assert len(shards(tmp_path)) == 40
    makers = {(tmp_path / shard).read_text() for shard in shards(tmp_path)}
    assert sorted(maker.split()[1] for maker in makers) == ["5", "GPU-8932f937"]
    assert sorted((tmp_path / "loads").read_text().split()) == sorted(maker.split()[0] for maker in makers)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_task_that_fails_fails_the_run_with_its_own_error(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceshards.build.cluster._STOP_S", 0.0)  # so that no process goes in time
    with pytest.raises(ValueError, match="this shard cannot be made"):
        run_tasks([Bad() for _ in range(3)], RunParams(workers=workers), "write")


def test_a_task_that_fails_with_an_error_of_the_file_system_is_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_tasks([Flaky(tmp_path, i) for i in range(2)], RunParams(workers=2), "write")
    assert shards(tmp_path) == ["0", "1"]
    assert capsys.readouterr().err.count("stale file handle while it made shard") == 4


def test_nothing_to_do_starts_nothing() -> None:
    run_tasks([], RunParams(scheduler="tcp://127.0.0.1:1"), "write")


def test_workers_of_this_machine_fill_its_cores_and_one_of_a_cluster_has_one_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    assert threads_per_worker(RunParams(workers=4), [2048] * 100) == 4
    assert threads_per_worker(RunParams(workers=4), [2048]) == 16
    assert threads_per_worker(RunParams(scheduler="tcp://host:8786"), [2048]) == 1


@pytest.mark.parametrize(
    ("faces", "processes"), [([2048] * 100, 16), ([2048] * 3, 3), ([250] * 10, 5), ([70, 20], 1), ([0], 1), ([], 1)]
)
def test_no_process_is_started_for_a_few_faces_unless_it_is_asked_for(
    faces: list[int], processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    assert worker_count(RunParams(), faces) == processes
    assert worker_count(RunParams(workers=2), faces) == min(2, max(1, len(faces)))


@pytest.mark.parametrize(
    ("made_by", "settled"),
    [
        ({"device": "cpu", "precision": "bfloat16"}, ("cpu", "bf16")),
        ({"device": "cpu", "precision": "float32"}, ("cpu", "fp32")),
        ({"device": "cuda", "precision": "float16"}, ("cuda", "auto")),
        ({"device": "cpu"}, ("cpu", "auto")),
    ],
)
def test_workers_parse_on_the_device_and_in_the_precision_of_the_machine_that_runs_the_stage(
    made_by: dict[str, str], settled: tuple[str, str]
) -> None:
    params = _settled(ParseParams(), made_by)
    assert (params.device, params.precision) == settled


def test_the_device_of_a_clusters_workers_must_be_named(tmp_path: Path) -> None:
    run = RunParams(scheduler="tcp://127.0.0.1:8786")
    with pytest.raises(ParamsError, match=r"parse\.device: expected cpu or cuda"):
        parse_faces(tmp_path / "aligned", tmp_path / "parsed", ParseParams(), StoreParams(), run)

"""Workers and schedulers that are not as they should be are named in a bounded time; who differs takes no task.

docs/cluster.md shows some of what runs here.
"""

import os
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters import ROOT, SOURCES, meanwhile, other_host, scheduler, scheduler_process, wait_for, worker
from distributed import LocalCluster
from shard_tasks import WORK, Hungry, Slow, Waiting, Write, shards

from faceshards.build.crew import Crew
from faceshards.build.params import RunParams
from faceshards.build.shards import run_tasks
from faceshards.errors import SchedulerError, WorkerError


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with scheduler() as cluster:
        yield cluster


@pytest.fixture
def address(cluster: LocalCluster) -> str:
    wait_for(lambda: not cluster.scheduler.workers)
    return cluster.scheduler_address


def test_a_scheduler_without_workers_is_told_and_waited_for_no_longer_than_asked(
    address: str, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("faceshards.build.crew._SILENT_S", 0.1)
    with pytest.raises(WorkerError, match=r"no workers and none came within 1 s.*run\.worker_timeout"):
        run_tasks([Write(WORK, 0)], RunParams(scheduler=address, worker_timeout=1), "align")
    told = capsys.readouterr().err
    assert f"align: the scheduler at {address} has no workers; waiting up to 1 s" in told
    assert f"cd {project} && dask worker {address} --nthreads 1" in told


def test_only_workers_that_see_a_gpu_take_tasks_that_need_one_and_sharing_is_told(
    cluster: LocalCluster, address: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def sees(gpus: int) -> tuple[Path, ...]:
        fake = project.parent / f"gpus-{gpus}"
        fake.mkdir(exist_ok=True)
        (fake / "torch.py").write_text(f"class cuda:\n    device_count = staticmethod(lambda: {gpus})\n")
        return (fake, *SOURCES)

    tasks = [Slow(WORK, i) for i in range(8)]
    with worker(address, project, sees(0)):
        wait_for(lambda: bool(cluster.scheduler.workers))
        with pytest.raises(WorkerError, match=r"no workers that see a GPU \(1 see none\) and none came"):
            run_tasks(tasks, RunParams(scheduler=address, worker_timeout=0.5), "parse", gpu=True)
        with worker(address, project, sees(2)) as first, worker(address, project, sees(2)) as second:
            run_tasks(tasks, RunParams(scheduler=address), "parse", gpu=True)
    assert {(WORK / shard).read_text() for shard in shards(WORK)} == {f"{it.pid} None" for it in (first, second)}
    assert re.search(r"worker \S+ on \S+ and worker \S+ on \S+ share a GPU", capsys.readouterr().err)


def test_a_worker_that_cannot_see_the_data_is_named_before_any_task_runs(address: str, project: Path) -> None:
    source = project / "faces.zip"
    source.write_bytes(b"12")
    (project.parent / "elsewhere").mkdir()
    with worker(address, project.parent / "elsewhere"), pytest.raises(WorkerError) as raised:
        run_tasks([Write(WORK, 0, source=source)], RunParams(scheduler=address), "align")
    host = socket.gethostname()
    assert f"on {host} runs in {project.parent / 'elsewhere'} and does not see {WORK}. Start it in {project}" in str(
        raised.value
    )
    assert "docs/cluster.md" in str(raised.value)
    assert shards(WORK) == []


def test_a_folder_of_the_same_name_and_another_machine_is_found_out(address: str, project: Path) -> None:
    other = project.parent / "other"
    (other / WORK).mkdir(parents=True)
    with worker(address, other), pytest.raises(WorkerError, match=f"sees another folder at {other / WORK.parent}"):
        run_tasks([Write(WORK, 0)], RunParams(scheduler=address), "align")


def test_a_worker_with_other_code_and_other_releases_is_named_with_what_differs(address: str, project: Path) -> None:
    copy = project.parent / "copy"
    shutil.copytree(ROOT / "pipeline", copy, copy_function=os.symlink, ignore=shutil.ignore_patterns("__pycache__"))
    edited = copy / "faceshards/store/durable.py"
    text = edited.read_text()
    edited.unlink()
    edited.write_text(f"{text}\nEDITED = True\n")
    release = copy / "numpy-1.0.dist-info"
    release.mkdir()
    (release / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\n")
    with worker(address, project, (copy, *SOURCES)), pytest.raises(WorkerError) as raised:
        run_tasks([Write(WORK, 0)], RunParams(scheduler=address), "align")
    assert "1 of 1 worker " in str(raised.value)
    assert "has other code: faceshards/store/durable.py. Give it the checkout" in str(raised.value)
    assert "has other releases: numpy 1.0 in place of " in str(raised.value)
    assert shards(WORK) == []


@pytest.fixture
def without_the_package(project: Path) -> tuple[Path, ...]:
    hidden = project.parent / "hidden"
    (hidden / "faceshards").mkdir(parents=True)
    (hidden / "faceshards/__init__.py").touch()
    return (hidden, *SOURCES)


def test_a_worker_without_the_package_is_named(
    address: str, project: Path, without_the_package: tuple[Path, ...]
) -> None:
    with worker(address, project, without_the_package), pytest.raises(WorkerError, match="No module named 'faceshards"):
        run_tasks([Write(WORK, 0)], RunParams(scheduler=address), "align")


def test_a_scheduler_without_the_package_is_named(project: Path, without_the_package: tuple[Path, ...]) -> None:
    with (
        scheduler_process(project, without_the_package) as (file, _),
        pytest.raises(SchedulerError, match="No module named 'faceshards"),
    ):
        run_tasks([Write(WORK, 0)], RunParams(scheduler=str(file)), "align")


def test_a_worker_that_joins_late_and_cannot_see_the_data_takes_no_task_and_is_named(
    address: str, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dismiss = Crew.dismiss

    def dismissed(crew: Crew, worker: str, fault: str) -> None:
        dismiss(crew, worker, fault)
        (WORK / "go").touch()

    monkeypatch.setattr(Crew, "dismiss", dismissed)
    with worker(address, project) as good:
        joins = meanwhile(lambda: (WORK / "0").exists(), lambda: worker(address, project.parent))
        with joins:
            run_tasks([Waiting(WORK, i) for i in range(3)], RunParams(scheduler=address), "align")
    assert {(WORK / shard).read_text() for shard in shards(WORK)} == {f"{good.pid} None"}
    told = capsys.readouterr().err
    assert f"runs in {project.parent} and does not see {WORK}" in told
    assert told.count("takes no tasks") == 1


def test_a_worker_that_dask_pauses_for_its_memory_is_named_and_waited_for_no_longer_than_asked(
    cluster: LocalCluster,
    address: str,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("faceshards.build.crew._PAUSED_S", 0.2)
    most = 400_000_000
    with worker(address, project, memory=str(most)):
        wait_for(lambda: bool(cluster.scheduler.workers))
        tasks = [Hungry(WORK, 0, holds=int(0.9 * most)), *(Slow(WORK, i, faces=20) for i in range(1, 4))]
        with pytest.raises(WorkerError, match=r"1 that take no tasks and none came .* paused 1\. .*--memory-limit"):
            run_tasks(tasks, RunParams(scheduler=address, worker_timeout=0.2), "align")
    assert "0" in shards(WORK)
    told = capsys.readouterr().err
    assert re.search(r"takes no tasks: Dask has paused it, for it holds \d+ MB of the 381 MB", told)


def test_another_host_does_tasks_where_it_shares_the_folder_and_is_named_where_it_does_not(project: Path) -> None:
    with other_host() as (ours, within), scheduler(ours) as cluster:
        address = cluster.scheduler_address
        run = RunParams(scheduler=address)
        hide = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs none {project}/data && exec "$@"', "sh"]
        with worker(address, project, within=[*within, *hide]), pytest.raises(WorkerError) as raised:
            run_tasks([Write(WORK, 0)], run, "align")
        assert "on otherhost runs in" in str(raised.value)
        assert f"does not see {WORK}" in str(raised.value)
        with worker(address, project, within=within) as remote:
            run_tasks([Write(WORK, i) for i in range(3)], run, "align")
        assert {(WORK / shard).read_text() for shard in shards(WORK)} == {f"{remote.pid} None"}

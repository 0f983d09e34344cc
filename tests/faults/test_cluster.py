"""Clusters that are not as they should be: each is named, in a bounded time, and what is finished is kept.

docs/cluster.md shows some of what runs here.
"""

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from clusters import ROOT, SOURCES, scheduler, scheduler_process, wait_for, worker
from distributed import LocalCluster
from shard_tasks import Deadly, Hungry, Slow, Waiting, Write, shards

from faceshards.build.crew import Crew
from faceshards.build.params import RunParams
from faceshards.build.shards import run_tasks
from faceshards.errors import ParamsError, SchedulerError, WorkerError


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with scheduler() as cluster:
        yield cluster


@pytest.fixture
def address(cluster: LocalCluster) -> str:
    wait_for(lambda: not cluster.scheduler.workers)
    return cluster.scheduler_address


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder, in which the run starts."""
    folder = tmp_path / "project"
    (folder / "data/.work/out-1").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


WORK = Path("data/.work/out-1")


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
        joins = _when(lambda: (WORK / "0").exists(), lambda: worker(address, project.parent))
        with joins:
            run_tasks([Waiting(WORK, i) for i in range(3)], RunParams(scheduler=address), "align")
    assert {(WORK / shard).read_text() for shard in shards(WORK)} == {f"{good.pid} None"}
    told = capsys.readouterr().err
    assert f"runs in {project.parent} and does not see {WORK}" in told
    assert told.count("takes no tasks") == 1


def test_a_shard_whose_worker_dies_once_is_made_and_one_that_ends_three_is_named(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(
        WorkerError, match=r"shard 1 of split train ended 3 workers: .*memory.* 2 of 3 shards are finished"
    ):
        run_tasks([Deadly(WORK, i) for i in range(3)], RunParams(workers=2), "erase")
    assert shards(WORK) == ["0", "2"]
    told = capsys.readouterr().err
    assert told.count("died or left while it made shard 0 of split train; it is tried again (1 of 3)") == 1
    assert told.count("died or left while it made shard 1 of split train; it is tried again (2 of 3)") == 1
    assert "Traceback" not in told


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


def test_a_scheduler_that_dies_in_mid_run_is_named(project: Path) -> None:
    with scheduler_process(project) as (file, server):
        address = json.loads(file.read_text())["address"]
        with (
            worker(address, project),
            _when(lambda: (WORK / "1").exists(), lambda: server.kill()),
            pytest.raises(SchedulerError, match=f"{address} is lost .* finished and kept: .* of 99 shards"),
        ):
            run_tasks([Slow(WORK, i) for i in range(99)], RunParams(scheduler=str(file)), "align")
    assert "1" in shards(WORK)


@pytest.mark.parametrize("answer", [None, b"", b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n" * 40])
def test_what_listens_and_is_no_dask_is_named_with_the_param(
    answer: bytes | None, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("faceshards.build.cluster._CONNECT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_answer, args=(server, answer), daemon=True).start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ParamsError, match=rf"run\.scheduler: expected a Dask scheduler at {address}; found none"):
            run_tasks([Write(WORK, 0)], RunParams(scheduler=address), "align")


@pytest.mark.parametrize("scheduler", ["tcp://127.0.0.1:1", "127.0.0.1", "half.json"])
def test_where_no_scheduler_is_the_param_is_named(
    scheduler: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("faceshards.build.cluster._CONNECT_S", 0.5)
    (project / "half.json").write_text('{"type": "Sched')
    with pytest.raises(ParamsError, match=rf"run\.scheduler: .*{scheduler}"):
        run_tasks([Write(WORK, 0)], RunParams(scheduler=scheduler), "align")


def test_another_host_does_tasks_where_it_shares_the_folder_and_is_named_where_it_does_not(project: Path) -> None:
    with _other_host() as (ours, within), scheduler(ours) as cluster:
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


_STAGE = """
from pathlib import Path
from faceshards.build.crew import Crew
from faceshards.build.params import RunParams
from faceshards.build.shards import run_tasks
from shard_tasks import Slow
from faceshards.stages.command import stage_command

@stage_command
def main(params):
    '''Slow.'''
    run_tasks([Slow(Path("data/.work/out-1"), i, faces=400) for i in range(2)], RunParams(workers=2), "align")

if __name__ == "__main__":
    main()
"""


def test_on_a_terminal_the_bar_counts_faces_of_other_processes_and_ctrl_c_is_one_line(project: Path) -> None:
    (project / "stage.py").write_text(_STAGE)
    terminal, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    path = os.pathsep.join(map(str, (*SOURCES, ROOT)))
    child = subprocess.Popen(
        [sys.executable, "stage.py", "--params", str(ROOT / "params.yaml")],
        env={**os.environ, "PYTHONPATH": path},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=_terminal_of_its_own,
    )
    os.close(theirs)
    shown = ""
    while "/800 [" not in shown.replace(" 0/800", ""):
        shown += os.read(terminal, 4096).decode()
    os.write(terminal, b"\x03")
    after = _rest(terminal)
    assert child.wait(120) == 130
    lines = [line for line in after.replace("\r", "\n").split("\n") if line and "/800 [" not in line and line != "^C"]
    assert lines == ["align: stopped by hand; finished and kept: 0 of 2 shards, and the next run goes on from there"]
    assert shards(WORK) == []


def _terminal_of_its_own() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell takes from what it starts with `&`


def _rest(terminal: int) -> str:
    text = ""
    try:
        while part := os.read(terminal, 4096):
            text += part.decode()
    except OSError:  # the other end is closed
        pass
    os.close(terminal)
    return text


@contextmanager
def _when(condition: Callable[[], bool], action: Callable[[], object]) -> Iterator[None]:
    """Meanwhile, do something as soon as a condition holds: an action, or a context that lasts as long as this."""
    with ExitStack() as stack:

        def do() -> None:
            wait_for(condition)
            done = action()
            if isinstance(done, AbstractContextManager):
                stack.enter_context(done)

        thread = threading.Thread(target=do)
        thread.start()
        try:
            yield
        finally:
            thread.join()


def _answer(server: socket.socket, answer: bytes | None) -> None:
    """Accept, and say nothing, hang up, or say something that is not Dask's."""
    kept = []
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            if answer is None:
                kept.append(connection)
            else:
                connection.sendall(answer)
                connection.close()


@contextmanager
def _other_host() -> Iterator[tuple[str, list[str]]]:
    """Our address as another host sees it, and the command that runs something on that host."""
    name, ours, theirs = f"faceshards{os.getpid()}", f"fs{os.getpid()}a", f"fs{os.getpid()}b"
    net = f"10.{os.getpid() // 250 % 250}.{os.getpid() % 250}"

    def ip(*arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True)

    with ExitStack() as stack:
        try:
            ip("netns", "add", name)
            stack.callback(ip, "netns", "del", name)
            ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", name)
            ip("addr", "add", f"{net}.1/30", "dev", ours)
            ip("link", "set", ours, "up")
            ip("-n", name, "addr", "add", f"{net}.2/30", "dev", theirs)
            ip("-n", name, "link", "set", theirs, "up")
            within = ["ip", "netns", "exec", name, "unshare", "-u", "sh", "-c", 'hostname otherhost && exec "$@"', "sh"]
            subprocess.run([*within, "unshare", "-m", "true"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no network namespaces here: {error}")
        yield f"{net}.1", within

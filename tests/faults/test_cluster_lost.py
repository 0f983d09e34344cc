"""No scheduler, a lost one, workers that die, a run stopped by hand: each is named, and what is finished is kept."""

import fcntl
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import termios
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from clusters import ROOT, SOURCES, meanwhile, scheduler_process, worker
from shard_tasks import WORK, Deadly, Slow, Write, shards

from faceshards.build.params import RunParams
from faceshards.build.shards import run_tasks
from faceshards.errors import ParamsError, SchedulerError, WorkerError


def test_a_shard_whose_worker_dies_once_is_made_and_one_that_ends_three_is_named(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(
        WorkerError, match=r"shard 1 of split train ended 3 workers: .*memory.* finished and kept: 2 of 3 shards"
    ):
        run_tasks([Deadly(WORK, i) for i in range(3)], RunParams(workers=2), "erase")
    assert shards(WORK) == ["0", "2"]
    told = capsys.readouterr().err
    assert told.count("died or left while it made shard 0 of split train; it is tried again (1 of 3)") == 1
    assert told.count("died or left while it made shard 1 of split train; it is tried again (2 of 3)") == 1
    assert "Traceback" not in told


def test_a_scheduler_that_dies_in_mid_run_is_named(project: Path) -> None:
    with scheduler_process(project) as (file, server):
        address = json.loads(file.read_text())["address"]
        with (
            worker(address, project),
            meanwhile(lambda: (WORK / "1").exists(), lambda: server.kill()),
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


_STAGE = """
from pathlib import Path
from faceshards.build.crew import Crew
from faceshards.build.params import RunParams
from faceshards.build.shards import run_tasks
from shard_tasks import WORK, Slow
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

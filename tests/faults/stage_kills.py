"""A stage killed at one of the moments at which it changes a file, and run again: a program that forks itself.

It is started once, with the project's folder, how often each stage is killed, and which stages are. It prints a JSON
list of ``[stage, point, outcome, what]``. Every child is forked from the process that has imported all stages, so that
a kill costs no start.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

from outcomes import Outcome

STAGES = ("code", "inputs", "download", "plan", "align", "parse", "erase", "verify", "report")
_CHANGES = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"})
_WRITING = os.O_WRONLY | os.O_RDWR
_NOT_COMPARED = ("data/.work/", "reports/run/")
_OUTS = {"download": "source", "align": "aligned", "parse": "parsed", "erase": "shards"}
_armed: list[int] = []


def kill_at(stage: str, point: int, clean: dict[str, str], work: set[str]) -> tuple[Outcome, str]:
    """Kill a stage just before its change number `point`, run it again, and compare all files with a clean run's."""
    _forget_shards(stage)
    if _forked(lambda: _run(stage, point)) == 0:
        return Outcome.FAILED, "was not killed"
    if (status := _forked(lambda: _run(stage))) != 0:
        return Outcome.FAILED, f"the run after it ended with {status}"
    now = tree()
    if now != clean:
        return (
            Outcome.FAILED,
            f"differ: {sorted(name for name in now.keys() | clean if now.get(name) != clean.get(name))}",
        )
    left = in_work() - work
    return (Outcome.FAILED, f"left: {sorted(left)}") if left else (Outcome.HELD, "")


def tree() -> dict[str, str]:
    """SHA-256 of every file that a stage makes, by path; where a link leads."""
    found = {}
    for folder in ("data", "manifests", "reports"):
        for path in Path(folder).rglob("*"):
            name = path.as_posix()
            if path.is_symlink():
                found[name] = os.readlink(path)  # noqa: PTH115 (of text)
            elif path.is_file() and not name.startswith(_NOT_COMPARED):
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def in_work() -> set[str]:
    """What lies in the folder of work, but for kept shards and locks."""
    return {path.name for path in Path("data/.work").iterdir() if path.suffix != ".lock"}


def _run(stage: str, point: int | None = None) -> None:
    _armed[:] = [] if point is None else [point]
    import_module(f"faceshards.stages.{stage}").main.main([], standalone_mode=False)


def _forget_shards(stage: str) -> None:
    """Let a stage make its shards anew."""
    shutil.rmtree(Path("data/.work/kept") / _OUTS.get(stage, stage), ignore_errors=True)


def _count(stage: str) -> int:
    """How many changes a clean run makes."""
    _forget_shards(stage)
    receiver, sender = os.pipe()

    def counted() -> None:
        _armed[:] = [10**9]
        import_module(f"faceshards.stages.{stage}").main.main([], standalone_mode=False)
        os.write(sender, str(10**9 - _armed[0]).encode())

    assert _forked(counted) == 0, stage
    return int(os.read(receiver, 32))


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if not _armed:
        return
    flags = arguments[2] if event == "open" else 0
    if event in _CHANGES or (isinstance(flags, int) and flags & _WRITING):
        _armed[0] -= 1
        if _armed[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _forked(do: Callable[[], None]) -> int:
    """Run in a child; its status."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    status = 1
    try:
        do()
        status = 0
    finally:
        sys.stderr.flush()
        os._exit(status)


def main(project: Path, points: int, killed: tuple[str, ...] = STAGES) -> None:
    """Run the stages whose outs are missing, then kill some of them at so many points each."""
    os.chdir(project)
    warnings.simplefilter("ignore")
    for stage in STAGES:
        import_module(f"faceshards.stages.{stage}")
    import_module("faceshards.report.page")
    sys.addaudithook(_audit)
    rng = random.Random(0)
    found = []
    for stage in STAGES[: 1 + max(map(STAGES.index, killed))]:
        if not Path("data", _OUTS.get(stage, stage)).exists():
            assert _forked(partial(_run, stage)) == 0, stage
    for stage in killed:
        changes = _count(stage)
        clean, work = tree(), in_work()
        for point in sorted(rng.sample(range(1, changes + 1), min(points, changes))):
            outcome, what = kill_at(stage, point, clean, work)
            found.append([stage, point, outcome, what])
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), tuple(sys.argv[3:]) or STAGES)

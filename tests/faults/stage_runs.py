"""Stages run in forked children of a process that has imported them all, so that a fault costs no start."""

import hashlib
import os
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path

import click
from small_pipeline import RECIPE, ROOT

STAGES = ("code", "inputs", "download", "plan", "align", "parse", "erase", "verify", "report")
SHARDING = ("align", "parse", "erase")
"""Those that share their work among workers."""

PARAMS = "params.yaml"
NAMED = 3
"""The status of a child whose stage ended with a message."""

_CHANGES = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"})
_WRITING = os.O_WRONLY | os.O_RDWR
_NOT_COMPARED = ("data/.work/", "reports/run/")
_OUTS = {"download": "source", "align": "aligned", "parse": "parsed", "erase": "shards"}
_HUNG_S = 120
_armed: list[int] = []
_said = os.memfd_create("said")


def write_project(folder: Path) -> None:
    """A project of ten small demo faces, without data."""
    (folder / "data/.work").mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "manifests", folder / "manifests", ignore=shutil.ignore_patterns("inputs"))
    (folder / "small.yaml").write_text(RECIPE)
    params = (ROOT / "params.yaml").read_text().replace("path: manifests/demo.yaml", "path: small.yaml")
    (folder / "params.yaml").write_text(params)


def prepare(project: Path, last: str = STAGES[-1]) -> None:
    """Import all stages, and run in a project those whose outs are missing, as far as `last`."""
    os.chdir(project)
    warnings.simplefilter("ignore")
    for stage in STAGES:
        import_module(f"faceshards.stages.{stage}")
    import_module("faceshards.report.page")
    sys.addaudithook(_audit)
    for stage in STAGES[: 1 + STAGES.index(last)]:
        if not Path("data", _OUTS.get(stage, stage)).exists():
            assert forked(partial(run, stage)) == 0, f"{stage}: {said()}"


def run(stage: str, point: int | None = None, params: str = PARAMS) -> None:
    """Run a stage; just before its change number `point` it is killed."""
    _armed[:] = [] if point is None else [point]
    arguments = [] if params == PARAMS else ["--params", params]
    import_module(f"faceshards.stages.{stage}").main.main(arguments, standalone_mode=False)


def changes(stage: str) -> int:
    """How many changes of files a clean run makes."""
    forget_shards(stage)
    receiver, sender = os.pipe()

    def counted() -> None:
        run(stage, 10**9)
        os.write(sender, str(10**9 - _armed[0]).encode())

    assert forked(counted) == 0, stage
    return int(os.read(receiver, 32))


def forget_shards(stage: str) -> None:
    """Let a stage make its shards anew."""
    shutil.rmtree(Path("data/.work/kept") / _OUTS.get(stage, stage), ignore_errors=True)


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


def differs(clean: dict[str, str], work: set[str]) -> str:
    """How all files differ from a clean run's; empty where they do not."""
    now = tree()
    if now != clean:
        return f"differ: {sorted(name for name in now.keys() | clean if now.get(name) != clean.get(name))}"
    left = in_work() - work
    return f"left: {sorted(left)}" if left else ""


def start(do: Callable[[], object]) -> int:
    """Begin something in a child with a session of its own; its process id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        os.setsid()
        do()
        status = 0
    except click.ClickException as error:
        status = NAMED
        _say(error.message)
    except Exception as error:
        _say(f"{type(error).__name__}: {error} ({traceback.extract_tb(error.__traceback__)[-1]})")
    finally:
        os._exit(status)


def said() -> str:
    """The message of the child that said something last."""
    return os.pread(_said, 1000, 0).decode(errors="replace")


def _say(message: str) -> None:
    _armed.clear()
    os.ftruncate(_said, 0)
    os.pwrite(_said, message[:300].encode(), 0)


def ended(child: int, within: float = _HUNG_S) -> int:
    """The exit status of a child, negative for a signal; one that takes too long is killed."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -signal.SIGXCPU


def forked(do: Callable[[], object]) -> int:
    """Run in a child; its exit status."""
    return ended(start(do))


def alive(session: int) -> bool:
    """Whether processes of a session are left."""
    with suppress(ProcessLookupError):
        os.killpg(session, 0)
        return True
    return False


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if not _armed:
        return
    flags = arguments[2] if event == "open" else 0
    if event in _CHANGES or (isinstance(flags, int) and flags & _WRITING):
        _armed[0] -= 1
        if _armed[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

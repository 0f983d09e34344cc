"""Rows about workers that the kernel ends for want of memory, while a stage runs with two of them."""

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from outcomes import Outcome
from stage_rows import TWO, after, prepared
from stage_runs import NAMED, SHARDING, forget_shards, forked, in_work, run, said, start, tree
from table import Row, Try

_GROUPS = Path("/sys/fs/cgroup")
_LEAST, _MOST = 1 << 20, 30 << 20
_HUNG_S = 180
_PARAMS = "few.yaml"
_TOLD = "memory"


def out_of_memory(folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """Workers may take so few megabytes more, from a random moment on: all that come, or the first alone."""
    with _group() as group:
        if group is None:
            return
        prepared(folder)
        params = Path(TWO).read_text()
        Path(_PARAMS).write_text(params.replace("worker_timeout: 600", "worker_timeout: 15"))
        clean, work = tree(), in_work()
        forget_shards(SHARDING[-1])
        began = time.monotonic()
        assert forked(partial(run, SHARDING[-1], params=_PARAMS)) == 0
        took = time.monotonic() - began
        for number in range(times):
            stage, most, alone = SHARDING[number % len(SHARDING)], rng.randrange(_LEAST, _MOST), number % 2 == 1
            _limit(group, most)
            forget_shards(stage)
            child = start(partial(run, stage, params=_PARAMS))
            status = _bounded(child, group, alone, rng.uniform(0, took))
            what = f"{stage}, {'a worker' if alone else 'all workers'} within {most:,} bytes more"
            if status == NAMED and _TOLD in said():
                yield after(stage, f"{what}: {said()}", clean, work, Outcome.NAMED)
            elif status == 0:
                yield after(stage, what, clean, work, Outcome.HELD)
            else:
                yield Outcome.FAILED, f"{what}: it ended with {status}: {said()}"


def _bounded(stage: int, group: Path, alone: bool, wait: float) -> int:
    """Bound the workers of a stage as they come, after a while; the stage's exit status, -9 where it hangs."""
    begin = time.monotonic()
    bounded: set[int] = set()
    while time.monotonic() < begin + _HUNG_S:
        done, status = os.waitpid(stage, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        for worker in _workers(stage) - bounded:
            if time.monotonic() > begin + wait and not (alone and bounded):
                bounded.add(worker)
                with suppress(OSError):  # it has ended
                    (group / "cgroup.procs").write_text(str(worker))
        time.sleep(0.01)
    os.killpg(stage, 9)
    os.waitpid(stage, 0)
    return -9


def _workers(stage: int) -> set[int]:
    """The processes that a stage has started to work for it."""
    found = set()
    for task in Path(f"/proc/{stage}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text().split()):
                if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.add(child)
    return found


@contextmanager
def _group() -> Iterator[Path | None]:
    """A control group whose memory can be bounded; None where this user may not make any."""
    folder = _GROUPS / "memory" if (_GROUPS / "memory").is_dir() else _GROUPS
    group = folder / f"faceshards-{os.getpid()}"
    try:
        group.mkdir()
        _limit(group, _MOST)
    except OSError:
        with suppress(OSError):
            group.rmdir()
        yield None
        return
    try:
        yield group
    finally:
        os.chdir("/")
        until = time.monotonic() + 10
        while group.exists() and time.monotonic() < until:
            with suppress(OSError):  # until the last process in it has ended
                group.rmdir()
            time.sleep(0.05)


def _limit(group: Path, most: int) -> None:
    """For version 1 of control groups, or 2."""
    one = group / "memory.limit_in_bytes"
    (one if one.exists() else group / "memory.max").write_text(str(most))


ROWS = [Row("workers out of memory", 3, "two workers, which the kernel ends for want of memory", out_of_memory)]

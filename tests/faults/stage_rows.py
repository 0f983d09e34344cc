"""Rows about stages: killed, without room, without files, without memory, two at once, with a wrong clock."""

import os
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from limits import reserved
from outcomes import Outcome
from stage_kills import kills
from stage_runs import (
    NAMED,
    SHARDING,
    STAGES,
    alive,
    differs,
    ended,
    forget_shards,
    forked,
    in_work,
    prepare,
    run,
    said,
    start,
    tree,
    write_project,
)
from table import Row, Try

TWO = "two.yaml"
KEPT = "FACESHARDS_FAULTS"
"""Names the folder in which rows keep what others can use."""

_MEMORY = 200 << 20


def killed(stage: str, folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """At some of the moments at which it changes a file."""
    prepared(folder)
    yield from kills(stage, times, rng)


def killed_of_two(stage: str, folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """After a random time of a run with two workers; no process is left, and a run with one ends in the same files."""
    prepared(folder)
    clean, work = tree(), in_work()
    forget_shards(stage)
    began = time.monotonic()
    assert forked(partial(run, stage, params=TWO)) == 0
    took = time.monotonic() - began
    for _ in range(times):
        forget_shards(stage)
        child = start(partial(run, stage, params=TWO))
        time.sleep(rng.uniform(0, took))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        what = f"{stage} with two workers killed"
        deadline = time.monotonic() + 30
        while alive(child) and time.monotonic() < deadline:
            time.sleep(0.02)
        if alive(child):
            os.killpg(child, signal.SIGKILL)
            yield Outcome.FAILED, f"{what}: its workers went on for 30 s"
        else:
            yield after(stage, what, clean, work, Outcome.HELD)


def full_disk(folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """A disk that has less room than the stage needs, or just enough."""

    def bounded(disk: Path) -> str:
        usage = shutil.disk_usage(disk)
        room = rng.randrange(0, 600, 4)
        _mount(disk, f"remount,size={usage.used // 1024 + room}k")
        return f"{room} kB free"

    yield from _on_a_disk(folder, times, bounded)


def read_only_disk(folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """A disk that is mounted for reading alone."""

    def bounded(disk: Path) -> str:
        _mount(disk, "remount,ro")
        return "mounted for reading alone"

    yield from _on_a_disk(folder, times, bounded)


def few_files(folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """The process may open few more files than it has open."""
    yield from _limited(folder, times, resource.RLIMIT_NOFILE, lambda: _open_files() + rng.randrange(2, 20))


def short_files(folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """No file may be longer than some kilobytes."""
    yield from _limited(folder, times, resource.RLIMIT_FSIZE, lambda: rng.randrange(200_000))


def little_memory(folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """The process may reserve little more memory than it has."""

    # A C library may end the process, as OpenCV does by abort() and PyTorch by an address that it was refused: this is
    # as good as a kill.
    yield from _limited(
        folder,
        times,
        resource.RLIMIT_AS,
        lambda: reserved() + rng.randrange(_MEMORY),
        ends=(-signal.SIGABRT, -signal.SIGSEGV),
    )


def two_at_once(folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """The same stage twice at the same time."""
    prepared(folder)
    clean, work = tree(), in_work()
    for stage in _each(times):
        forget_shards(stage)
        children = [start(partial(run, stage)) for _ in range(2)]
        statuses = [ended(child) for child in children]
        what = f"{stage} twice at once, which ended with {statuses}"
        if 0 not in statuses or not set(statuses) <= {0, NAMED}:
            yield Outcome.FAILED, what
        else:
            wrong = differs(clean, work)
            yield (Outcome.FAILED, f"{what}: {wrong}") if wrong else (Outcome.HELD, what)


def clock(folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """The clock goes back or ahead by years, and all files are of random times."""
    prepared(folder)
    clean, work = tree(), in_work()
    now, now_ns = time.time, time.time_ns
    for stage in _each(times):
        off = rng.randrange(-40, 40) * 365 * 86_400
        for path in sorted(Path("data").rglob("*")):
            at = rng.randrange(2**31)
            os.utime(path, (at, at), follow_symlinks=False)

        def shifted(stage: str = stage, off: int = off) -> None:
            time.time = lambda: now() + off
            time.time_ns = lambda: now_ns() + off * 10**9
            run(stage)

        forget_shards(stage)
        what, status = f"{stage} with the clock off by {off} s", forked(shifted)
        wrong = f"ended with {status}" if status else differs(clean, work)
        yield (Outcome.FAILED, f"{what}: {wrong}") if wrong else (Outcome.HELD, what)


def _limited(
    folder: Path, times: int, kind: int, limit: Callable[[], int], ends: tuple[int, ...] = ()
) -> Iterator[Try]:
    prepared(folder)
    clean, work = tree(), in_work()
    for stage in _each(times):
        most = limit()

        def bounded(stage: str = stage, most: int = most) -> None:
            resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))
            run(stage)

        forget_shards(stage)
        what, status = f"{stage} within {most:,}", forked(bounded)
        if status in ends:
            yield after(stage, f"{what}: it ended with {status}", clean, work, Outcome.HELD)
        else:
            yield _faulted(stage, what, status, clean, work)


def _on_a_disk(folder: Path, times: int, bound: Callable[[Path], str]) -> Iterator[Try]:
    with _disk(folder / "disk") as disk:
        if disk is None:
            return
        prepared(disk / "project")
        clean, work = tree(), in_work()
        for stage in _each(times):
            forget_shards(stage)
            what = f"{stage} on a disk {bound(disk)}"
            status = forked(partial(run, stage))
            _mount(disk, "remount,rw,size=100m")
            yield _faulted(stage, what, status, clean, work)
        os.chdir("/")


def _open_files() -> int:
    return max(int(path.name) for path in Path("/proc/self/fd").iterdir())


def _faulted(stage: str, what: str, status: int, clean: dict[str, str], work: set[str]) -> Try:
    """What a stage with a fault came to, and the next without one."""
    told = said()
    if status == 0:
        wrong = differs(clean, work)
        return (Outcome.FAILED, f"{what}: it said nothing, and files {wrong}") if wrong else (Outcome.HELD, what)
    if status != NAMED:
        what = f"{what}; {after(stage, 'afterwards', clean, work, Outcome.HELD)[1]}"
        return Outcome.FAILED, f"{what}: it ended with {status}, without a message: {told}"
    return after(stage, f"{what}: {told}", clean, work, Outcome.NAMED)


def after(stage: str, what: str, clean: dict[str, str], work: set[str], outcome: Outcome) -> Try:
    if (status := forked(partial(run, stage))) != 0:
        return Outcome.FAILED, f"{what}: the run after it ended with {status}: {said()}"
    wrong = differs(clean, work)
    return (Outcome.FAILED, f"{what}: {wrong}") if wrong else (outcome, what)


def prepared(project: Path) -> None:
    """A project of which all stages have run; the first row makes it, and the others copy it."""
    kept = Path(os.environ.get(KEPT, project)) / "project"
    if kept.exists():
        shutil.copytree(kept, project, symlinks=True, dirs_exist_ok=True)
    else:
        write_project(project)
        params = (project / "params.yaml").read_text()
        one, two = (params.replace("  workers: auto", f"  workers: {workers}") for workers in (1, 2))
        assert one != params
        (project / "params.yaml").write_text(one)
        (project / TWO).write_text(two)
    prepare(project)
    if KEPT in os.environ and not kept.exists():
        shutil.copytree(project, kept, symlinks=True)


def _each(times: int) -> Iterator[str]:
    """So many stages, in their order, again and again."""
    return (STAGES[i % len(STAGES)] for i in range(times))


@contextmanager
def _disk(place: Path) -> Iterator[Path | None]:
    """A small disk of its own; None where this user may not mount any."""
    place.mkdir(parents=True)
    try:
        _mount(place, "size=100m")
    except (OSError, subprocess.CalledProcessError):
        yield None
        return
    try:
        yield place
    finally:
        os.chdir("/")
        subprocess.run(["umount", place], check=False, capture_output=True)


def _mount(place: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", place], check=True, capture_output=True)


ROWS = [
    *(
        Row(f"killed {stage}", 20, "a stage killed at a change of a file, and run again", partial(killed, stage))
        for stage in STAGES
    ),
    *(
        Row(f"killed {stage}, two", 20, "a stage killed while two workers run", partial(killed_of_two, stage))
        for stage in SHARDING
    ),
    Row("disk full", 36, "each stage on a disk with little room", full_disk),
    Row("disk read-only", 9, "each stage on a disk for reading alone", read_only_disk),
    Row("files too long", 36, "each stage with a bound on the length of a file", short_files),
    Row("few files", 36, "each stage with few open files", few_files),
    Row("little memory", 36, "each stage with little memory, run again where a C library ends it", little_memory),
    Row("two at once", 18, "each stage twice at the same time", two_at_once),
    Row("clock", 18, "each stage with a clock off by years", clock),
]

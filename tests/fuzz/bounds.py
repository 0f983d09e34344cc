"""One input to one target within bounds of memory and time, and what became of it."""

import hashlib
import re
import resource
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from faceshards.errors import FaceShardsError

MB = 2**20
SECONDS_AN_INPUT = 5.0
_DETAILS = re.compile(r"[\d,.-]+|'[^']*'")
_SLACK = 512 * MB
"""Of address space beyond the memory that an input may take: libraries reserve more than they use."""


@dataclass
class Tally:
    """What came of all inputs to a target.

    Attributes:
        inputs: how many were tried.
        findings: by where it happened, what and the shortest input.
        peak: bytes of memory that the hungriest took.
        slowest: seconds that the slowest took.
        ends: the ways in which inputs ended.
    """

    inputs: int = 0
    findings: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    peak: int = 0
    slowest: float = 0.0
    ends: set[str] = field(default_factory=set)

    def found(self, where: str, what: str, data: bytes) -> None:
        """Note a finding."""
        if where not in self.findings or len(data) < len(self.findings[where][1]):
            self.findings[where] = (what, data)


class TooLongError(Exception):
    """An input took too long."""


def try_one(target: Callable[[bytes], None], data: bytes, tally: Tally, most: int) -> bool:
    """Run a target on an input; the target may raise errors of the project alone.

    Returns:
        Whether it ended as no input before: with another message, but for its numbers and names.

    Args:
        target: it.
        data: the input.
        tally: takes what came of it.
        most: bytes of memory that it may take.
    """
    before, known = _status("VmRSS", "VmHWM")
    tally.inputs += 1
    started = resource.getrusage(resource.RUSAGE_SELF)
    try:
        with _within(SECONDS_AN_INPUT):
            target(data)
        ended_as = "well"
    except FaceShardsError as error:
        ended_as = _DETAILS.sub("", str(error))
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        frames = traceback.extract_tb(error.__traceback__)
        # The place in the project's code that let it out, for many inputs reach it.
        ours = next((frame for frame in reversed(frames) if "/faceshards/" in frame.filename), frames[-1])
        where = f"{type(error).__name__} at {Path(ours.filename).name}:{ours.lineno}"
        tally.found(where, f"{error}"[:200], data)
        ended_as = where
    ended = resource.getrusage(resource.RUSAGE_SELF)
    seconds = ended.ru_utime + ended.ru_stime - started.ru_utime - started.ru_stime
    tally.slowest = max(tally.slowest, seconds)
    (highest,) = _status("VmHWM")
    took = highest - before if highest > known else 0  # where it took less than one before, it took no more
    tally.peak = max(tally.peak, took)
    if took > most:
        _forget_peak()
        tally.found("memory", f"{took // MB} MB", data)
    new = ended_as not in tally.ends
    tally.ends.add(ended_as)
    return new


@contextmanager
def bounded(most: int) -> Iterator[None]:
    """No more address space than a little above what is in use and `most` bytes."""
    _forget_peak()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_status("VmSize")[0] + most + _SLACK, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def name_of(data: bytes) -> str:
    """The name of an input as a file of the corpus."""
    return hashlib.sha256(data).hexdigest()[:16]


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise TooLongError(f"more than {seconds:g} s")

    # Of processor time: the machine may be busy with something else.
    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _forget_peak() -> None:
    with Path("/proc/self/clear_refs").open("w") as file:
        file.write("5")


def _status(*names: str) -> list[int]:
    """Lines of the kernel's report on this process, in bytes."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return [int(lines[name].split()[0]) * 1024 for name in names]

"""What a process and all that it starts take of the system: memory, descriptors, /dev/shm, as Linux tells them."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path

_LOOK_EVERY_S = 0.05


@dataclass
class Usage:
    """What one process takes, or at most took.

    Attributes:
        rss: MB in memory, pages of files that it has mapped included.
        own: MB of them that are no file's, which the system cannot take back.
        files: open descriptors.
    """

    rss: float = 0.0
    own: float = 0.0
    files: int = 0

    def raise_to(self, other: "Usage") -> None:
        """Keep the greater of each."""
        for field in fields(self):
            setattr(self, field.name, max(getattr(self, field.name), getattr(other, field.name)))


def usage_of(pid: int) -> Usage:
    """What a process takes now; nothing where it has ended."""
    with suppress(OSError, IndexError):
        status = Path(f"/proc/{pid}/status").read_text()
        rss, own = (int(status.partition(f"{name}:")[2].split()[0]) / 1024 for name in ("VmRSS", "RssAnon"))
        return Usage(rss, own, sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()))
    return Usage()


def shared_out(pid: int) -> float:
    """MB in memory, where a page of several processes counts for each by its share (PSS)."""
    with suppress(OSError):
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(rollup.partition("\nPss:")[2].split()[0]) / 1024
    return 0.0


def family(pid: int | None = None) -> list[int]:
    """A process, this one by default, its children, and theirs: whatever thread started them."""
    found = [os.getpid() if pid is None else pid]
    for parent in found:  # which grows
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with suppress(OSError):
                found += map(int, task.read_text().split())
    return found


@contextmanager
def peak_of_each() -> Iterator[Usage]:
    """The most that any one process of this family takes meanwhile."""
    peak, ended = Usage(), threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK_EVERY_S):
            for pid in family():
                peak.raise_to(usage_of(pid))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield peak
    finally:
        ended.set()
        watching.join()


def cpu_seconds() -> float:
    """Of this process and of those that it waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def shared_files(pids: list[int]) -> float:
    """MB of files in /dev/shm that any of these processes has mapped, those without a name any more included."""
    sizes: dict[str, int] = {}
    for pid in pids:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
                addresses, *_, inode, path = line.split(maxsplit=5) if "/dev/shm/" in line else ("", "", "")
                if path:
                    first, last = (int(address, 16) for address in addresses.split("-"))
                    sizes[inode] = max(sizes.get(inode, 0), last - first)
    return sum(sizes.values()) / 2**20

"""Tasks for clusters, in a package: workers import them, and the list of their code can be made."""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from faceshards.store.durable import write_file

WORK = Path("data/.work/out-1")
"""Where they write, in the folder of a project."""

_LOADING = threading.Lock()
_kept: list[bytes] = []


@dataclass(frozen=True)
class Write:
    """Write a file that says which process did, on which GPU."""

    work: Path
    shard: int
    faces: int = 3
    source: Path | None = None
    split: str = "train"

    @property
    def out(self) -> Path:
        return self.work / str(self.shard)

    def run(self, advance: Callable[[int], object]) -> None:
        with _LOADING:  # the tasks of a GPU are threads of one process
            load(self.work)
        write_file(self.out, f"{os.getpid()} {os.environ.get('CUDA_VISIBLE_DEVICES')}".encode())
        advance(self.faces)


class Slow(Write):
    """Take a tenth of a second for each face."""

    def run(self, advance: Callable[[int], object]) -> None:
        for _ in range(self.faces):
            time.sleep(0.1)
            advance(1)
        super().run(lambda _: None)


class Waiting(Write):
    """Shards but the first wait for a file `go`, half a minute at most."""

    def run(self, advance: Callable[[int], object]) -> None:
        until = time.monotonic() + 30
        while self.shard and not (self.work / "go").exists() and time.monotonic() < until:
            time.sleep(0.02)
        super().run(advance)


class Deadly(Write):
    """Shard 1 kills its worker, as the kernel does with one that takes too much memory; shard 0 does so once."""

    def run(self, advance: Callable[[int], object]) -> None:
        deaths = self.work / f"deaths-{self.shard}"
        if self.shard == 1 or (self.shard == 0 and not deaths.exists()):
            deaths.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        super().run(advance)


@dataclass(frozen=True)
class Hungry(Write):
    """Shard 0 takes memory until its process holds so many bytes, and never gives them back."""

    holds: int = 0

    def run(self, advance: Callable[[int], object]) -> None:
        held = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
        if self.shard == 0:
            _kept.append(b"x" * (self.holds - held))
        super().run(advance)


class Flaky(Write):
    """A network file system that fails twice."""

    def run(self, advance: Callable[[int], object]) -> None:
        path = self.work / f"failures-{self.shard}"
        failures = path.stat().st_size if path.exists() else 0
        if failures < 2:
            path.write_text("x" * (failures + 1))
            raise OSError("stale file handle")
        super().run(advance)


@cache
def load(folder: Path) -> None:
    """Stands for a network, which a process loads once."""
    with (folder / "loads").open("a") as file:
        file.write(f"{os.getpid()}\n")


def shards(folder: Path) -> list[str]:
    """The shards that are there."""
    return sorted(path.name for path in folder.iterdir() if path.name.isdecimal())

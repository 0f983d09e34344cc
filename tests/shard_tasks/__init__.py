"""Tasks for clusters, in a package: workers import them, and the list of their code can be made."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from faceshards.store.durable import write_file


@dataclass(frozen=True)
class Write:
    """Write a file that says which process did."""

    work: Path
    shard: int
    split: str = "train"
    faces: int = 3
    source: Path | None = None

    @property
    def out(self) -> Path:
        return self.work / str(self.shard)

    def run(self, advance: Callable[[int], object]) -> None:
        write_file(self.out, str(os.getpid()).encode())
        advance(self.faces)


class Slow(Write):
    """Go on for a while, a face at a time."""

    def run(self, advance: Callable[[int], object]) -> None:
        for _ in range(self.faces):
            time.sleep(0.1)
            advance(1)
        super().run(advance)


class Deadly(Write):
    """Shard 1 kills its worker, as the kernel does with one that takes too much memory."""

    def run(self, advance: Callable[[int], object]) -> None:
        if self.shard == 1:
            with (self.work / "deaths").open("a") as deaths:
                deaths.write(f"{os.getpid()}\n")
            os.kill(os.getpid(), signal.SIGKILL)
        super().run(advance)

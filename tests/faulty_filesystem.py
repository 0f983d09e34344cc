"""A file system of fsspec's on which things go wrong: ``faulty:///folder`` is a local folder."""

import io
import time
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem


class FaultyFileSystem(LocalFileSystem):
    """Reads of files whose name has `victim` in it go wrong by `fault`, `times` times; every read is logged.

    Args:
        log: a file that gets one line a read.
        seconds: how long a read of a shard takes.
    """

    protocol = "faulty"
    cachable = False

    def __init__(
        self, log: str, victim: str = "", fault: str = "", times: int = 0, seconds: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.log, self.victim, self.fault, self.left, self.seconds = Path(log), victim, fault, times, seconds

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        # That of local files knows no scheme but its own before fsspec 2026.
        return super()._strip_protocol(path.removeprefix("faulty://"))

    def open(self, path: str, mode: str = "rb", **kwargs: Any) -> io.BytesIO:
        name = path.removeprefix("faulty://")
        data = Path(name).read_bytes()
        with self.log.open("a") as log:
            log.write(f"{name}\n")
        if "/c." in name:
            time.sleep(self.seconds)
        if self.victim and self.victim in name and self.left:
            self.left -= 1
            if self.fault == "fail":
                raise TimeoutError("the network went away")
            data = {
                "flip": data[:-1] + bytes([data[-1] ^ 1]),
                "truncate": data[: len(data) // 2],
                "extend": data + b"\0",
            }[self.fault]
        return io.BytesIO(data)


def register() -> None:
    """Make the scheme known to fsspec."""
    fsspec.register_implementation("faulty", FaultyFileSystem, clobber=True)

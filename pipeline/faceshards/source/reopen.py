"""Sources travel as their arguments and are opened once a process."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any


class OncePerProcess:
    """Pickles as the arguments of its constructor; unpickles to one shared instance a process.

    A hundred tasks that carry the same source thus parse a zip's directory of 300,000 entries once, not a hundred
    times. A file that was replaced since (other time or size), or other names in a folder, make another source of it.

    Args:
        args: the hashable positional arguments that make an equal instance.
        files: the files and folders whose replacement makes the instance stale.
        listed: the names that were found in folders, any bytes: those of a subfolder may change and leave no trace in
            the time of the folder.
    """

    def __init__(self, *args: object, files: tuple[Path, ...] = (), listed: Iterable[Any] = ()) -> None:
        self._args = args
        names = hashlib.blake2b(digest_size=16)
        for part in listed:
            names.update(part)
        times = tuple((s.st_mtime_ns, s.st_size) for s in (f.stat() for f in files))
        self._stamp = (*times, names.digest())

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return _reopen, (type(self), self._args, self._stamp)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(str(a) for a in self._args)})"


def in_bytes(names: Iterable[str]) -> Iterator[bytes]:
    """Names in an order of their own, each ended."""
    return (os.fsencode(name) + b"\0" for name in sorted(names))


@lru_cache(maxsize=16)
def _reopen(cls: type[OncePerProcess], args: tuple[object, ...], stamp: object) -> OncePerProcess:  # noqa: ARG001 (stamp is a cache key)
    return cls(*args)

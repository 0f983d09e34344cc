"""Sources travel as their arguments and are opened once a process."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path


class OncePerProcess:
    """Pickles as the arguments of its constructor; unpickles to one shared instance a process.

    A hundred tasks that carry the same source thus parse a zip's directory of 300,000 entries once, not a hundred
    times. A file that was replaced since (other time or size) counts as another source.

    Args:
        args: the hashable positional arguments that make an equal instance.
        files: the files and folders whose replacement makes the instance stale.
    """

    def __init__(self, *args: object, files: tuple[Path, ...] = ()) -> None:
        self._args = args
        self._stamp = tuple((s.st_mtime_ns, s.st_size) for s in (f.stat() for f in files))

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return _reopen, (type(self), self._args, self._stamp)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(str(a) for a in self._args)})"


@lru_cache(maxsize=16)
def _reopen(cls: type[OncePerProcess], args: tuple[object, ...], stamp: object) -> OncePerProcess:  # noqa: ARG001 (stamp is a cache key)
    return cls(*args)

"""What a store that lies elsewhere needs on this disk."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeVar

from faceshards.errors import CorruptShardError
from faceshards.store.inventory import FileRecord

_T = TypeVar("_T")


class Mirror(Protocol):
    """What brings the files of a store that lies elsewhere to this disk."""

    def hold(self, file: str, size: int, sha256: str) -> AbstractContextManager[Path]:
        """Have a file, by its path in the store, whole and unharmed, while the context lasts."""
        ...

    def drop(self, file: str) -> None:
        """Forget a file, which is then brought anew when it is next held."""
        ...


def read_held(mirror: Mirror, file: str, record: FileRecord, read: Callable[[], _T]) -> _T:
    """Read a file while it is held; where this disk's copy turns out to be damaged, a fresh one.

    Args:
        mirror: what brings it.
        file: its path in the store.
        record: its size and hash.
        read: raises `CorruptShardError` where it is damaged.
    """
    with mirror.hold(file, *record):
        try:
            return read()
        except CorruptShardError:
            pass
    mirror.drop(file)
    with mirror.hold(file, *record):
        return read()

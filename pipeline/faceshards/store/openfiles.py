"""Shards' files kept open from one chunk to the next, with the checks of one that is opened anew."""

import os
import weakref
from functools import lru_cache

from faceshards.store.reader import Store

_KEPT = 64  # of an array: those that the default shuffle draws from


class OpenFile:
    """A descriptor, closed when nobody refers to it any more."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        found = os.fstat(descriptor)
        self.identity = found.st_dev, found.st_ino, found.st_size
        weakref.finalize(self, os.close, descriptor)


class OpenFiles:
    """Files of a store. Threads may share it; a fork reads on by itself, for nobody seeks.

    Args:
        store: that they belong to.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept = lru_cache(_KEPT)(self._open)

    def get(self, file: str) -> OpenFile:
        """A file, by its path in the store.

        Raises:
            MissingShardError, CorruptShardError: it is gone, or has another size than the inventory says.
        """
        path, opened = self._kept(file)
        if self._now(path) != opened.identity:
            self._kept.cache_clear()
            path, opened = self._kept(file)
        return opened

    def _now(self, path: str) -> tuple[int, int, int] | None:
        try:
            found = os.stat(path)
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino, found.st_size

    def _open(self, file: str) -> tuple[str, OpenFile]:
        with self._store.opened(file) as descriptor:
            return os.fspath(self._store.path / file), OpenFile(os.dup(descriptor))

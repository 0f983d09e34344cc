"""Shards' files kept open from one chunk to the next, with the checks of one that is opened anew."""

import errno
import mmap
import os
import weakref
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from faceshards.records import UInt8Array
from faceshards.store.filelocks import OPEN_FILES_STAY
from faceshards.store.storefiles import StoreFiles

try:
    import resource
except ImportError:  # Windows

    def _most_open() -> int:
        return 512  # of C's own files, the least of its limits

else:

    def _most_open() -> int:
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


SHUFFLED = 64
"""How many shards' files of an array are kept open, at most: those that the default shuffle draws from."""


_opened: "weakref.WeakSet[_OpenFile]" = weakref.WeakSet()
_mapped: "weakref.WeakSet[_OpenFile]" = weakref.WeakSet()
_pools: "weakref.WeakValueDictionary[int, OpenFiles]" = weakref.WeakValueDictionary()


class _OpenFile:
    """A descriptor, closed when nobody refers to it any more.

    Attributes:
        size: of the file, in bytes.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.size = os.fstat(descriptor).st_size
        self._mapped: UInt8Array | None = None
        weakref.finalize(self, os.close, descriptor)
        _opened.add(self)

    @property
    def mapped(self) -> UInt8Array:
        """(size,) the bytes as they lie in the page cache; to touch what is cut off meanwhile ends the process."""
        # Not a cached_property, whose lock another thread may hold while this one forks: a worker would wait for ever.
        if self._mapped is None:
            self._mapped = np.frombuffer(mmap.mmap(self.descriptor, self.size, access=mmap.ACCESS_READ), np.uint8)
            _mapped.add(self)
        return self._mapped

    def read_into(self, buffers: Sequence[Any], offset: int) -> int:
        """Fill buffers, one after the other, with the bytes from an offset on; how many there were."""
        if hasattr(os, "preadv"):
            return os.preadv(self.descriptor, buffers, offset)
        start = offset
        for buffer in buffers:  # Windows, where nobody can cut off what is mapped
            to = np.frombuffer(buffer, np.uint8)
            some = self.mapped[offset : offset + len(to)]
            to[: len(some)] = some
            offset += len(some)
        return offset - start

    def still_there(self) -> bool:
        """Whether it has a name still, for another file may have come in its place, and the size that it had."""
        found = os.fstat(self.descriptor)
        return found.st_nlink > 0 and found.st_size == self.size


class OpenFiles:
    """Files of a store. Threads may share it; a fork reads on by itself, for nobody seeks.

    All of a process together keep no more open than half of what the process may (``ulimit -n``), whatever `kept` says.

    Args:
        store: that they belong to.
        kept: how many stay open; none where that would keep a cache from letting them go.
    """

    def __init__(self, store: StoreFiles, kept: int = SHUFFLED) -> None:
        self._store = store
        self._kept = lru_cache(0 if OPEN_FILES_STAY else kept)(self._open)
        _pools[id(self)] = self

    def get(self, file: str) -> _OpenFile:
        """A file, by its path in the store; to be held while its descriptor is used.

        Raises:
            MissingShardError, CorruptShardError: it is gone, or has another size than the inventory says.
        """
        opened = self._kept(file)
        if not opened.still_there():
            self._kept.cache_clear()
            opened = self._kept(file)
        return opened

    def forget(self) -> None:
        """Open all of them anew when they are next asked for."""
        self._kept.cache_clear()

    def _open(self, file: str) -> _OpenFile:
        # A map holds a descriptor of its own.
        if len(_opened) + len(_mapped) >= _most_open() // 2:
            _forget_all()
        try:
            return self._open_now(file)
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise
        _forget_all()
        return self._open_now(file)

    def _open_now(self, file: str) -> _OpenFile:
        with self._store.opened(file) as descriptor:
            return _OpenFile(os.dup(descriptor))


def _forget_all() -> None:
    for pool in _pools.valuerefs():
        if (files := pool()) is not None:
            files.forget()

"""Memory that workers decode into and the trainer's process reads where it lies.

A batch that torch carries over goes through shared memory made for it alone: the kernel zeroes all its pages, and maps
and frees them in both processes, which takes longer than to decode the faces. Here pages are used again, once nobody
looks at them any more. The memory belongs to no file system (``memfd_create``, Linux only), so that a small /dev/shm
does not limit it.
"""

import math
import mmap
import os
import weakref
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceshards.loader.memory import ALIGNMENT, Pool, lend
from faceshards.records import UInt8Array

_BLOCKS = 1024  # the most of a worker
_PIECES = 8  # the most of a block


@dataclass(frozen=True, slots=True)
class SharedArray:
    """Where an array lies.

    Attributes:
        offset: bytes from the beginning of the shared memory.
        shape: of the array.
        dtype: of the array, as numpy writes it.
        flag: number of the byte to set once nobody looks at the array any more.
    """

    offset: int
    shape: tuple[int, ...]
    dtype: str
    flag: int


class Handover:
    """Shared memory for the batches of some workers; pickled, it is the same memory in another process.

    Args:
        workers: how many.
        capacity: bytes for each. Pages that are never written take up no memory.

    Raises:
        OSError: the system has no such memory for this process.
    """

    def __init__(self, workers: int, capacity: int) -> None:
        self._workers, self._capacity = workers, -(-capacity // mmap.PAGESIZE) * mmap.PAGESIZE
        self._map_to(os.memfd_create("faceshards"))

    def _map_to(self, fd: int) -> None:
        self._fd = fd
        weakref.finalize(self, os.close, fd)
        flags = self._workers * _BLOCKS * _PIECES
        size = self._workers * self._capacity + 2 * flags
        os.ftruncate(fd, size)  # what it has already where another process made it
        self._map = mmap.mmap(fd, size)
        self._bytes: UInt8Array = np.frombuffer(self._map, np.uint8)
        self._free, self._kept = self._bytes[self._workers * self._capacity :].reshape(2, flags)
        self._seen: weakref.WeakValueDictionary[int, UInt8Array] = weakref.WeakValueDictionary()

    def __reduce__(self) -> tuple[Any, ...]:
        from multiprocessing.reduction import DupFd  # Windows has none, nor such memory

        return _attach, (DupFd(self._fd), self._workers, self._capacity)

    def memory_of(self, worker: int) -> "SharedPool":
        """The part that a worker decodes into: for one process, once."""
        part = slice(worker * self._capacity, (worker + 1) * self._capacity)
        free, kept = (flags.reshape(self._workers, _BLOCKS, _PIECES)[worker] for flags in (self._free, self._kept))
        return SharedPool(self._bytes, part, free, kept, worker * _BLOCKS * _PIECES)

    def keep_seen(self) -> None:
        """Note what this process looks at, before its workers begin anew: see `SharedPool.reclaim`."""
        self._kept[:] = 0
        self._kept[list(self._seen)] = 1

    def array_at(self, shared: SharedArray) -> NDArray[Any]:
        """What a worker put there. The worker takes the memory back when the last view of the array is gone."""
        size = math.prod(shared.shape) * np.dtype(shared.dtype).itemsize
        here = self._bytes[shared.offset : shared.offset + size]
        seen = lend(here, _let_go, self._free, shared.flag, os.getpid())
        self._seen[shared.flag] = seen
        return seen.view(shared.dtype).reshape(shared.shape)

    def trim(self) -> None:
        """Take all pages away but those of arrays that this process looks at; for when no worker runs any more."""
        end, start_of_flags = 0, self._workers * self._capacity
        looked_at = sorted((_address(seen) - _address(self._bytes), seen.size) for seen in self._seen.values())
        for start, size in [*looked_at, (start_of_flags, 0)]:
            first, stop = -(-end // mmap.PAGESIZE) * mmap.PAGESIZE, start // mmap.PAGESIZE * mmap.PAGESIZE
            if first < stop:
                self._map.madvise(mmap.MADV_REMOVE, first, stop - first)
            end = start + size


def _address(array: UInt8Array) -> int:
    # Not `.ctypes.data`, which imports, and a loader may be trimmed while the interpreter ends.
    address: int = array.__array_interface__["data"][0]
    return address


def _let_go(flags: UInt8Array, flag: int, looking: int) -> None:
    if os.getpid() == looking:  # and not a fork of it, which drops nothing but its own references
        flags[flag] = 1


def _attach(fd: Any, workers: int, capacity: int) -> Handover:
    attached = Handover.__new__(Handover)
    attached._workers, attached._capacity = workers, capacity
    attached._map_to(fd.detach())
    return attached


@dataclass(slots=True)
class _Block:
    """Memory of one size.

    Attributes:
        number: in its worker.
        start: offset in all of the shared memory.
        lent: whether this worker uses it.
        pieces: handed over since it was lent.
    """

    number: int
    start: int
    lent: bool = False
    pieces: int = 0

    def give_back(self) -> None:
        self.lent = False


class SharedPool:
    """`Memory` that is shared, as long as there is any of it; a block is free again once both processes let go of it.

    Args:
        shared: the memory of all workers.
        part: the bytes of this one.
        free: (`_BLOCKS`, `_PIECES`) of this one: 0 where the trainer's process may look at the piece.
        kept: the same shape, see `reclaim`.
        first_flag: place of the first flag among those of all workers.
    """

    def __init__(self, shared: UInt8Array, part: slice, free: UInt8Array, kept: UInt8Array, first_flag: int) -> None:
        self._shared, self._part, self._first_flag = shared, part, first_flag
        self._free, self._kept = free, kept
        self._end = part.start
        self._blocks: list[_Block] = []
        self._of_size: defaultdict[int, list[_Block]] = defaultdict(list)
        self._private = Pool()

    def take(self, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
        """See `Memory`."""
        size = math.prod(shape) * dtype.itemsize
        block = next(filter(self._is_free, self._of_size[size]), None) or self._new_block(size)
        if block is None:
            return self._private.take(shape, dtype)
        block.lent, block.pieces = True, 0
        lent = lend(self._shared[block.start : block.start + size], block.give_back)
        return lent.view(dtype).reshape(shape)

    def share(self, values: NDArray[Any]) -> SharedArray | None:
        """Where a C-contiguous part of an array from here lies, to be handed over; None where it is not from here."""
        offset = values.ctypes.data - self._shared.ctypes.data
        if not (self._part.start <= offset < self._end and values.size and values.flags.c_contiguous):
            return None
        block = self._blocks[bisect_right(self._blocks, offset, key=attrgetter("start")) - 1]
        if block.pieces == _PIECES:
            return None
        self._free[block.number, block.pieces] = 0
        flag = self._first_flag + block.number * _PIECES + block.pieces
        block.pieces += 1
        return SharedArray(offset, values.shape, values.dtype.str, flag)

    def reclaim(self) -> None:
        """Take back what was sent in an iteration that was broken off and never arrived."""
        self._free[self._kept == 0] = 1

    def _is_free(self, block: _Block) -> bool:
        return not block.lent and bool(self._free[block.number, : block.pieces].all())

    def _new_block(self, size: int) -> _Block | None:
        start, end = self._end, self._end + -(-size // ALIGNMENT) * ALIGNMENT
        if not size or end > self._part.stop or len(self._blocks) == _BLOCKS:
            return None
        self._end = end
        block = _Block(len(self._blocks), start)
        self._blocks.append(block)
        self._of_size[size].append(block)
        return block

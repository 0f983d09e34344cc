"""Memory for batches that is used again once nobody looks at it any more."""

import weakref
from collections import defaultdict
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

ALIGNMENT = 64  # bytes: what XLA asks of memory that it is to use as it is


class Memory(Protocol):
    """Where arrays of batches come from."""

    def take(self, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
        """An array of that shape and dtype, of undefined content, aligned to 64 bytes."""


class Pool:
    """Hands out arrays, aligned to 64 bytes; when the last view of one is gone, its memory is kept for the next of that
    size.

    Fresh memory has to be zeroed by the kernel page by page, which costs about as much as a copy of the batch.
    """

    def __init__(self) -> None:
        self._free: defaultdict[int, list[NDArray[np.uint8]]] = defaultdict(list)

    def take(self, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
        """See `Memory`."""
        size = int(np.prod(shape)) * dtype.itemsize
        free = self._free[size]
        try:
            memory = free.pop()
        except IndexError:
            memory = _aligned(size)
        # Over a memoryview, for numpy has views of views refer to the array at the bottom of them: to this one, then.
        lent = np.frombuffer(memory.data, np.uint8)
        weakref.finalize(lent, free.append, memory).atexit = False
        return lent.view(dtype).reshape(shape)


def _aligned(size: int) -> NDArray[np.uint8]:
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size]

"""Memory for batches that is used again once nobody looks at it any more."""

import math
import weakref
from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from faceshards.records import UInt8Array

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
        self._free: defaultdict[int, list[UInt8Array]] = defaultdict(list)

    def take(self, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
        """See `Memory`."""
        size = math.prod(shape) * dtype.itemsize
        free = self._free[size]
        try:
            memory = free.pop()
        except IndexError:
            memory = _aligned(size)
        return lend(memory, free.append, memory).view(dtype).reshape(shape)


def lend(memory: UInt8Array, take_back: Callable[..., object], *arguments: object) -> UInt8Array:
    """A view of (N,) memory; ``take_back(*arguments)`` is called when it and all views of it are gone."""
    # Through a memoryview: numpy lets a view of a view refer to the array that owns the memory, and `take_back` is to
    # wait for the views of `lent`, which has to be that array.
    lent: UInt8Array = np.frombuffer(memory.data, np.uint8)
    weakref.finalize(lent, take_back, *arguments).atexit = False
    return lent


def _aligned(size: int) -> UInt8Array:
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size]

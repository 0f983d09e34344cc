"""Chosen rows of an array, wherever they lie, read chunk by chunk and each chunk once."""

import hashlib
from collections.abc import Callable, Iterator
from math import prod

import numpy as np
from numpy.typing import NDArray

from faceshards.store.reader import Store

Advance = Callable[[int], object]
"""Called with how many faces of an array have been read since the last call."""

_WINDOW_BYTES = 32 * 2**20  # of decoded faces of one side
_RUN_CHUNKS = 8
_DIGEST_BYTES = 16


class Rows:
    """Faces of one array of a store, by their places.

    Args:
        store: that has the array.
        array: its name.
        splits: the names that places number.
        variants: read only so many of the array's first axis after the sample; None for all of it.

    Attributes:
        window: how many faces to read at a time, so that memory stays flat and few chunks are read twice.
    """

    def __init__(self, store: Store, array: str, splits: tuple[str, ...], variants: int | None = None) -> None:
        self._store, self._array, self._splits, self._variants = store, array, splits, variants
        spec = store.arrays[array]
        shape = spec.shape if variants is None else (variants, *spec.shape[1:])
        self.shape, self.dtype = shape, spec.numpy_dtype
        fit = _WINDOW_BYTES // (prod(spec.shape) * spec.numpy_dtype.itemsize)
        self.window = max(store.chunk_rows, fit // store.chunk_rows * store.chunk_rows)

    def read(self, split: NDArray[np.int32], row: NDArray[np.int32]) -> NDArray[np.generic]:
        """(n, ...) faces by their places, in any order. Raises as `Store.read`."""
        out = np.empty((len(row), *self.shape), self.dtype)
        for start, at, data in self._runs(split, row):
            out[at] = data[row[at] - start]
        return out

    def digests(self, split: NDArray[np.int32], row: NDArray[np.int32], advance: Advance) -> NDArray[np.uint8]:
        """(n, k, 16) hashes of faces, k the variants, 1 for arrays without: equal where the values are equal.

        Chunks are read once each, in the order in which they lie, whatever the order of the faces.
        """
        k = 1 if self._variants is None else self._variants
        out = np.empty((len(row), k, _DIGEST_BYTES), np.uint8)
        for start, at, data in self._runs(split, row):
            for i in at.tolist():
                face = np.ascontiguousarray(data[row[i] - start]).reshape(k, -1)
                for j in range(k):
                    digest = hashlib.blake2b(face[j].tobytes(), digest_size=_DIGEST_BYTES).digest()
                    out[i, j] = np.frombuffer(digest, np.uint8)
            advance(at.size)
        return out

    def _runs(
        self, split: NDArray[np.int32], row: NDArray[np.int32]
    ) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.generic]]]:
        """Neighbouring chunks: their first row, which of the faces are in them, and the rows."""
        step = self._store.chunk_rows
        order = np.lexsort((row, split))
        chunk = row[order] // step
        # A run ends where the split changes, where a chunk is left out, and after so many chunks.
        ends = (np.diff(split[order]) != 0) | (np.diff(chunk) > 1) | (np.diff(chunk // _RUN_CHUNKS) != 0)
        for at in np.split(order, np.flatnonzero(ends) + 1):
            if at.size:
                name = self._splits[split[at[0]]]
                start = int(row[at[0]]) // step * step
                stop = min((int(row[at[-1]]) // step + 1) * step, self._store.splits[name])
                data = self._store.read(name, self._array, start, stop)
                yield start, at, data if self._variants is None else data[:, : self._variants]

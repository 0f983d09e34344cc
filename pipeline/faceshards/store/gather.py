"""Rows of an array from anywhere in it, each chunk decoded once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceshards.store.chunks import chunk_reader
from faceshards.store.reader import Store


def gather(store: Store, split: str, array: str, rows: NDArray[np.int64]) -> NDArray[Any]:
    """Read rows in the order asked for.

    Args:
        store: where they are.
        split: name of a split.
        array: name of an array.
        rows: (n,) of the split, in any order.

    Returns:
        (n, ...) of the array's dtype.

    Raises:
        IndexError: a row is not within the split.
        MissingShardError, CorruptShardError: a chunk that holds one of them cannot be read.
    """
    reader = chunk_reader(store, split, array)
    spec = store.arrays[array]
    out = np.empty((len(rows), *spec.shape), spec.numpy_dtype)
    chunks = rows // store.chunk_rows
    for chunk in np.unique(chunks).tolist():
        to = np.flatnonzero(chunks == chunk)
        out[to] = reader.read(chunk)[rows[to] - chunk * store.chunk_rows]
    return out

"""Samples by what a user names them by: indices and ids."""

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceshards.counted import counted
from faceshards.rng import sample_keys
from faceshards.store.reader import Store
from faceshards.store.schema import OK


def one_index(given: Any) -> int:
    """An index as an int: of Python, numpy or torch, but no bool and no 2.0.

    Raises:
        TypeError: it is something else.
    """
    try:
        if isinstance(given, bool | np.bool_):
            raise TypeError
        return index(given)
    except TypeError:
        raise TypeError(f"an index is a whole number or a slice, found {given!r}; take([...]) gives several") from None


def indices_within(given: Sequence[int] | NDArray[np.integer[Any]], n: int, where: str) -> NDArray[np.int64]:
    """Indices of `n` faces, where negative ones count from the end, as 0 .. n - 1.

    Raises:
        IndexError: one is out of range.
        TypeError: they are no whole numbers, or not in one row.
    """
    at = np.asarray(given)
    if at.ndim != 1 or (at.size and at.dtype.kind not in "iu"):
        raise TypeError(
            f"indices are whole numbers in one row; found {at.dtype} of shape {at.shape}"
            + ("; np.flatnonzero turns a mask into indices" if at.dtype.kind == "b" else "")
        )
    if at.size and not (-n <= at.min() and at.max() < n):
        raise IndexError(f"index {at.min()}..{at.max()} out of range: {where} has {counted(n, 'face')}")
    at = at.astype(np.int64)
    return at % n if n else at


class IdIndex:
    """Finds samples by id in 16 bytes a sample; a dict of as many strings takes ten times that.

    Args:
        ids: (N,) unique, of numpy's `StringDType`.
    """

    def __init__(self, ids: NDArray[np.void]) -> None:
        self._ids = ids
        keys = sample_keys(ids.tolist())
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]

    def find(self, sample_ids: Sequence[str]) -> NDArray[np.int64]:
        """The index of each id: (n,) int64, -1 where there is no such sample."""
        wanted = sample_keys(sample_ids)
        at = np.searchsorted(self._keys, wanted)
        at[at == len(self._keys)] = 0
        found = self._order[at] if len(self._order) else np.full(len(wanted), -1)
        for i, (sample_id, candidate) in enumerate(zip(sample_ids, found.tolist(), strict=True)):
            if candidate >= 0 and self._ids[candidate] != sample_id:
                found[i] = self._among_equals(sample_id, wanted[i])
        return found

    def _among_equals(self, sample_id: str, key: np.uint64) -> int:
        """The sample among those whose keys are the same by chance."""
        start, stop = np.searchsorted(self._keys, key, "left"), np.searchsorted(self._keys, key, "right")
        return next((i for i in self._order[start:stop].tolist() if self._ids[i] == sample_id), -1)


def why_missing(store: Store, split: str, sample_id: str) -> str:
    """Where a face is that a split does not have, as a sentence."""
    found = (row for part in store.manifest_parts() if (row := _row_of(part, sample_id)))
    if not (row := next(found, None)):
        return f"{store.path} has no face {sample_id!r}; its manifest.parquet lists the sample ids"
    if row["status"] != OK:
        return f"face {sample_id!r} of {store.path} dropped out: status {row['status']}, {row['reason']}"
    return f"face {sample_id!r} is in split {row['split']!r} of {store.path}, not in {split!r}"


def _row_of(rows: pa.Table, sample_id: str) -> dict[str, Any] | None:
    ids = rows["sample_id"].to_pylist()
    return rows.slice(ids.index(sample_id), 1).to_pylist()[0] if sample_id in ids else None

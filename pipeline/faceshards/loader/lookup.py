"""Samples by their ids."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceshards.rng import sample_keys


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
        for i, (sample_id, index) in enumerate(zip(sample_ids, found.tolist(), strict=True)):
            if index >= 0 and self._ids[index] != sample_id:
                found[i] = self._among_equals(sample_id, wanted[i])
        return found

    def _among_equals(self, sample_id: str, key: np.uint64) -> int:
        """The sample among those whose keys are the same by chance."""
        start, stop = np.searchsorted(self._keys, key, "left"), np.searchsorted(self._keys, key, "right")
        return next((i for i in self._order[start:stop].tolist() if self._ids[i] == sample_id), -1)

"""Names found among millions: by a random word of each, and exactly."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from faceshards.build.facelist import batches
from faceshards.rng import UInt64Array

NOWHERE = -1


class NameIndex:
    """N names, to be found. It takes 16 bytes a name; a hash table of the strings would take some 80.

    Args:
        names: (N,) large string.
        words: (N,) uint64 of each name, by a function that gives equal names equal words. Where unequal names have one
            word too, finding them takes longer and is right all the same.

    Attributes:
        order: (N,) int64, the places of the names in ascending order of their words; of equal words, of their places.
    """

    def __init__(self, names: pa.LargeStringArray, words: UInt64Array) -> None:
        self._names = names
        self.order: NDArray[np.int64] = np.argsort(words, kind="stable")
        self._words = words[self.order]

    def repeated(self) -> tuple[int, int] | None:
        """The places of two equal names; None where all differ."""
        for at in np.flatnonzero(self._words[1:] == self._words[:-1]) + 1:
            place = int(self.order[at])
            for other in self.order[np.searchsorted(self._words, self._words[at]) : at].tolist():
                if self._names[other] == self._names[place]:
                    return other, place
        return None

    def find(self, others: "NameIndex") -> NDArray[np.int64]:
        """The place here of each name of another index, which has its words by the same function.

        Returns:
            (M,) int64; `NOWHERE` for names that are not here.
        """
        found = np.full(len(others.order), NOWHERE, np.int64)
        for batch in batches(len(others.order) if len(self.order) else 0):
            words, theirs = (of[batch.start : batch.stop] for of in (others._words, others.order))
            at = np.searchsorted(self._words, words)
            left = np.arange(len(batch))
            while len(left):
                left = left[at[left] < len(self._words)]
                left = left[self._words[at[left]] == words[left]]
                place, their = self.order[at[left]], theirs[left]
                equal = pc.equal(others._names.take(pa.array(their)), self._names.take(pa.array(place)))
                same = equal.to_numpy(zero_copy_only=False)
                found[their[same]] = place[same]
                left = left[~same]
                at[left] += 1
        return found

"""Names found among millions: by a random word of each, and exactly."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from faceshards import rng
from faceshards.build.facelist import batches, drawn

NOWHERE = -1


class NameIndex:
    """N names, to be found. It takes 16 bytes a name; a hash table of the strings would take some 80.

    Args:
        names: (N,) large string.
        seed: of the words. Unequal names that have one word, which hardly ever occur, are told apart by the names.

    Attributes:
        order: (N,) int64, the places of the names in ascending order of their words: a shuffled order that depends on
            the names and the seed.
    """

    def __init__(self, names: pa.LargeStringArray, seed: int) -> None:
        words = drawn(names, "order", lambda keys: rng.words(rng.fold(keys, seed), 1)[:, 0])
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
        """The place here of each name of another index of the same seed.

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

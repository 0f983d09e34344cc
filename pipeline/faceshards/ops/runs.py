"""Region maps as runs of equal pixels. A map is flat almost everywhere, so runs are what to count and to look up."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceshards.records import UInt8Array
from faceshards.regions import N_REGIONS

IDS = 32
"""Columns of a face in tables by region id; the last is of every id that is no region, 255 (ignored) among them."""

_ALL = np.uint32((1 << N_REGIONS) - 1)


@dataclass(frozen=True, slots=True, eq=False)  # arrays do not compare to one bool
class Runs:
    """Runs of (B, H, W) region maps in reading order; none crosses from one face to the next.

    Attributes:
        faces: B.
        start: (R,) int64, place of a run's first pixel in the flattened maps, ascending.
        length: (R,) int64, pixels.
        code: (R,) int64, ``32 * face + region``, with 31 for all that is no region.
    """

    faces: int
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    code: NDArray[np.int64]

    @classmethod
    def of(cls, regions: UInt8Array) -> "Runs":
        """Cut (B, H, W) uint8 maps into runs."""
        faces, height, width = regions.shape
        flat = regions.reshape(-1)
        first = np.zeros(-(-flat.size // 8) * 8, np.bool_)
        np.not_equal(flat[1:], flat[:-1], out=first[1 : flat.size])
        first[: flat.size : height * width] = True
        start = _places(first)
        end = np.append(start[1:], flat.size)
        first_run = start.searchsorted(np.arange(faces + 1) * (height * width))
        code = (np.arange(faces) * IDS).repeat(first_run[1:] - first_run[:-1])
        code += np.minimum(flat[start], IDS - 1)
        return cls(faces, start, end - start, code)

    def areas(self) -> NDArray[np.int32]:
        """Pixels of each region: (B, 25) int32. Ignored pixels (255) count nowhere."""
        counts = np.bincount(self.code, weights=self.length, minlength=self.faces * IDS)
        return counts.reshape(self.faces, IDS)[:, :N_REGIONS].astype(np.int32)

    def positions(self, erased: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Places, ascending, of erased pixels in the flattened maps: (B,) masks to (N,) int64."""
        hit = erased_table(erased).reshape(-1)[self.code].nonzero()[0]
        length = self.length[hit]
        end = length.cumsum()
        places: NDArray[np.int64] = (self.start[hit] - end + length).repeat(length)
        places += np.arange(len(places))
        return places


def erased_table(erased: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Bit masks as a lookup table by region id: (B,) uint32 to (B, 32) bool; what is no region is never erased."""
    each_byte = (erased & _ALL).astype("<u4").view(np.uint8).reshape(-1, 4)
    return np.unpackbits(each_byte, axis=1, bitorder="little").view(np.bool_)


def _places(sparse: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Where flags are set, as `flatnonzero` does, by way of the words of eight flags that are not all clear.

    A look at each flag of so irregular a pattern is what costs: one in fifteen is set, but half of all words have none.
    """
    words = sparse.view(np.uint64)
    some = (words != 0).nonzero()[0]
    flag: NDArray[np.int64] = words[some].view(np.bool_).nonzero()[0]
    some -= np.arange(len(some))  # times 8, what lies before each word and is left out of `flag`
    some *= 8
    flag += some[flag >> 3]
    return flag

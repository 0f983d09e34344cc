"""Region maps as runs of equal pixels. A map is flat almost everywhere, so runs are what to count and to look up."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceshards.records import UInt8Array
from faceshards.regions import N_REGIONS

_IDS = 256  # every value of a uint8 map, 255 (ignored) included


@dataclass(frozen=True, slots=True, eq=False)  # arrays do not compare to one bool
class Runs:
    """Runs of (B, H, W) region maps in reading order; none crosses from one face to the next.

    Attributes:
        faces: B.
        start: (R,) int64, place of a run's first pixel in the flattened maps, ascending.
        length: (R,) int64, pixels.
        code: (R,) int64, ``256 * face + region``.
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
        first = np.ones(flat.size, np.bool_)
        np.not_equal(flat[1:], flat[:-1], out=first[1:])
        first[:: height * width] = True
        start = np.flatnonzero(first)
        end = np.empty_like(start)
        end[:-1], end[-1:] = start[1:], flat.size
        return cls(faces, start, end - start, start // (height * width) * _IDS + flat[start])

    def areas(self) -> NDArray[np.int32]:
        """Pixels of each region: (B, 25) int32. Ignored pixels (255) count nowhere."""
        counts = np.bincount(self.code, weights=self.length, minlength=self.faces * _IDS)
        return counts.reshape(self.faces, _IDS)[:, :N_REGIONS].astype(np.int32)

    def positions(self, erased: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Places, ascending, of erased pixels in the flattened maps: (B,) masks to (N,) int64."""
        hit = erased_table(erased).reshape(-1)[self.code].nonzero()[0]
        length = self.length[hit]
        end = np.cumsum(length)
        return np.repeat(self.start[hit] - end + length, length) + np.arange(length.sum())


def erased_table(erased: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Bit masks as a lookup table by region id: (B,) uint32 to (B, 256) bool; ignored pixels are never erased."""
    table = np.zeros((len(erased), _IDS), np.bool_)
    table[:, :N_REGIONS] = (erased[:, None] >> np.arange(N_REGIONS, dtype=np.uint32)) & 1
    return table

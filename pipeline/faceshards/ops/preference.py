"""Which regions a face loses: so many, the first in an order drawn at random that the face shows.

Order and number are drawn before anyone looks at the face. So there are two ways to look, which give the same: by the
areas of all regions, where they are known; or at the pixels, for one region after the other until enough are found.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceshards.records import UInt8Array
from faceshards.regions import N_REGIONS


@dataclass(frozen=True, slots=True, eq=False)  # arrays do not compare to one bool
class Preference:
    """How many regions each face loses, and in which order they are asked for.

    Attributes:
        number: (B,) integral.
        order: (B, K) region ids: all that may be erased at all.
    """

    number: NDArray[np.int64]
    order: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        for_number: NDArray[np.float64],
        for_order: NDArray[np.float64],
        regions: NDArray[np.int64],
        weights: NDArray[np.float64],
        n_regions: tuple[int, int],
    ) -> "Preference":
        """Make one of random numbers, uniform over [0, 1).

        The number is uniform over `n_regions`; the regions are drawn without replacement, proportionally to `weights`,
        as an exponential race (Efraimidis and Spirakis, 2006): the first to ring is the first in order.

        Args:
            for_number: (B,).
            for_order: (B, K), one for each region that may be erased.
            regions: (K,) ids of these.
            weights: (K,) positive.
            n_regions: least and greatest number of regions, both included.
        """
        low, high = n_regions
        number = low + (for_number * (high - low + 1)).astype(np.int64)
        ring = np.log1p(-for_order)
        # Tiny weights are scaled to about 1, exactly by a power of two; beside a much larger one they ring at infinity.
        doublings = max(0, -int(np.frexp(weights.max(initial=0.0))[1]))
        with np.errstate(over="ignore"):
            ring /= -np.ldexp(weights, doublings)
        return cls(number, regions.take(ring.argsort(1, "stable")))

    def among(self, areas: NDArray[np.int32], least: int) -> NDArray[np.uint32]:
        """The regions that go, by their areas.

        Args:
            areas: (B, 25) pixels.
            least: a region of fewer pixels stays, and one of none.

        Returns:
            (B,) uint32: bit ``r`` is set where region ``r`` goes.
        """
        area = np.take_along_axis(areas, self.order, axis=1)
        eligible = area >= max(least, 1)
        goes = eligible & (eligible.cumsum(axis=1) <= self.number[:, None])
        bits = np.uint32(1) << self.order.astype(np.uint32)
        masks: NDArray[np.uint32] = np.bitwise_or.reduce(bits, axis=1, where=goes)
        return masks

    def seek(self, maps: UInt8Array, least: int) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
        """The regions that go and their pixels, by looks at the pixels.

        Args:
            maps: (B, H, W) uint8 region ids.
            least: see `among`.

        Returns:
            What `among` returns, and (B, H, W) where a pixel goes.
        """
        flat = maps.reshape(len(maps), maps.shape[1] * maps.shape[2])
        least = max(least, 1)
        gone, look = np.empty(flat.shape, np.bool_), np.empty(flat.shape[1:], np.bool_)
        sought = zip(flat, gone, self.order.tolist(), self.number.tolist(), strict=True)
        masks = [_seek_in_face(*face, least, look) for face in sought]
        return np.array(masks, np.uint32), gone.reshape(maps.shape)


_ID = [np.array(region, np.uint8) for region in range(N_REGIONS)]  # numpy compares with a plain int in twice the time


def _seek_in_face(
    regions: UInt8Array,
    gone: NDArray[np.bool_],
    order: list[int],
    number: int,
    least: int,
    look: NDArray[np.bool_],
) -> int:
    """The bit mask of the first `number` regions in `order` that are there; writes where their pixels are to `gone`.

    Each is looked for in `look`, memory of one face that stays in the processor's cache; the first where it is kept.
    """
    mask, here = 0, gone
    for region in order:
        if not number:
            break
        np.equal(regions, _ID[region], here)
        if np.count_nonzero(here) >= least:
            if mask:
                np.logical_or(gone, look, gone)
            mask |= 1 << region
            number -= 1
            here = look
    if not mask:
        gone.fill(False)
    return mask

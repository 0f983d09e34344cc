"""Which regions may be erased and how many, as a user says it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceshards.ops.erase import class_weights, draw_regions
from faceshards.ops.preference import Preference
from faceshards.records import UInt8Array
from faceshards.regions import Region, region_ids
from faceshards.rng import UInt64Array

FACE_REGIONS: tuple[Region, ...] = tuple(Region)[Region.RIGHT_CHEEK : Region.NECK]
"""The 19 regions of a face proper: without background, neck, hair, clothing, glasses and headwear."""


def as_regions(given: Iterable[int | str]) -> tuple[Region, ...]:
    """Regions from names and ids.

    Raises:
        UnknownRegionError: a name is none of the regions'.
        ValueError: an id is none of 0 to 24.
    """
    return tuple(region_ids([r])[0] if isinstance(r, str) else Region(r) for r in given)


@dataclass(frozen=True, slots=True, eq=False)  # arrays do not compare to one bool
class RegionChoice:
    """How regions are drawn, checked once.

    Attributes:
        n_erase: least and greatest number of regions, both included.
        weights: (25,) relative probability of each region; 0 where it may not be erased.
        min_area: a region of fewer pixels is not drawn.
        max_area: nor is one of more; None for no limit.
    """

    n_erase: tuple[int, int]
    weights: NDArray[np.float64]
    min_area: int
    max_area: int | None

    @classmethod
    def of(
        cls,
        n_erase: int | tuple[int, int],
        *,
        classes: Iterable[int | str] | None = None,
        exclude: Iterable[int | str] = (),
        class_probs: Mapping[int | str, float] | None = None,
        min_area: int = 1,
        max_area: int | None = None,
    ) -> "RegionChoice":
        """Read a choice from names or ids, numbers and pairs.

        Args:
            n_erase: a number, or the least and greatest.
            classes: regions that may be erased; None for `FACE_REGIONS`.
            exclude: regions that may not, taken from `classes`.
            class_probs: relative probability by region; 1 where it is not given.
            min_area: pixels.
            max_area: pixels.

        Raises:
            ValueError: a number out of its range, or no region left to draw.
            UnknownRegionError: a name is none of the regions'.
        """
        low, high = (n_erase, n_erase) if isinstance(n_erase, int) else n_erase
        if not 1 <= low <= high:
            raise ValueError(f"n_erase is a positive number or (least, greatest), not {n_erase}")
        if max_area is not None and max_area < min_area:
            raise ValueError(f"max_area is at least min_area ({min_area}), not {max_area}")
        allowed = set(FACE_REGIONS if classes is None else as_regions(classes)) - set(as_regions(exclude))
        given = class_probs or {}
        named = dict(zip(as_regions(given), given.values(), strict=True))
        if surplus := sorted(r.label for r in named.keys() - allowed):
            raise ValueError(f"class_probs names what may not be erased: {', '.join(surplus)}; add it to classes")
        weights = class_weights({r: named.get(r, 1.0) for r in allowed})
        if not (np.isfinite(weights) & (weights >= 0)).all():
            raise ValueError(f"class_probs are finite and not negative, not {dict(given)}")
        if not weights.any():
            raise ValueError("no region is left to erase: classes, less exclude and those of probability 0, is empty")
        return cls((low, high), weights, min_area, max_area)

    def draw(self, keys: UInt64Array, maps: UInt8Array) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
        """Draw for each face, by `draw_regions`: (B,) keys and (B, H, W) maps to masks and pixels."""
        return draw_regions(
            keys,
            maps,
            weights=self.weights,
            n_regions=self.n_erase,
            min_area=self.min_area,
            max_area=self.max_area,
        )

    @property
    def allowed(self) -> NDArray[np.int64]:
        """(K,) ids of the regions that may be erased."""
        return self.weights.nonzero()[0]

    def preference(self, for_number: NDArray[np.float64], for_order: NDArray[np.float64]) -> Preference:
        """The allowed regions in random order, by `Preference.of`, to choose from."""
        allowed = self.allowed
        return Preference.of(for_number, for_order, allowed, self.weights[allowed], self.n_erase)

    def __str__(self) -> str:
        names = ", ".join(Region(r).label for r in np.flatnonzero(self.weights).tolist())
        return f"n_erase={self.n_erase}, classes=({names}), min_area={self.min_area}, max_area={self.max_area}"

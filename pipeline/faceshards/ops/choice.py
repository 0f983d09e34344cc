"""How many regions may be erased, and which: what a user says, as it is drawn from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceshards.ops.arguments import Classes, classes_of_faces, number_of_regions, pixels, region_weights
from faceshards.ops.erase import draw_regions
from faceshards.ops.preference import Preference
from faceshards.records import UInt8Array
from faceshards.rng import UInt64Array


@dataclass(frozen=True, slots=True, eq=False)  # arrays do not compare to one bool
class RegionChoice:
    """How regions are drawn. Make it by `of`, which checks.

    Attributes:
        n_regions: least and greatest number of regions, both included.
        classes: relative probability of each region that was named, by name.
        min_area: a region of fewer pixels is not drawn.
        weights: (25,) float64, `classes` by region id; 0 where a region may not be erased.
    """

    n_regions: tuple[int, int]
    classes: dict[str, float]
    min_area: int
    weights: NDArray[np.float64]

    @classmethod
    def of(
        cls, n_regions: int | tuple[int, int] = (1, 5), classes: Classes | None = None, min_area: int = 16
    ) -> "RegionChoice":
        """Read a choice from what a user gives.

        Args:
            n_regions: a number from 1 to 25, or (least, greatest).
            classes: the regions that may be erased, see `Classes`; None for `FACE_REGIONS`.
            min_area: pixels, 1 or more.

        Raises:
            ParamsError: a value that it cannot have; the message names the argument.
            UnknownRegionError: `classes` has a name or an id that is no region's.
        """
        known = classes_of_faces(classes)
        return cls(number_of_regions(n_regions), known, pixels(min_area), region_weights(known))

    def draw(self, keys: UInt64Array, maps: UInt8Array) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
        """Draw for each face, by `draw_regions`: (B,) keys and (B, H, W) maps to masks and pixels."""
        return draw_regions(keys, maps, weights=self.weights, n_regions=self.n_regions, min_area=self.min_area)

    @property
    def allowed(self) -> NDArray[np.int64]:
        """(K,) ids of the regions that may be erased."""
        return self.weights.nonzero()[0]

    def preference(self, for_number: NDArray[np.float64], for_order: NDArray[np.float64]) -> Preference:
        """The allowed regions in random order, by `Preference.of`, to choose from."""
        allowed = self.allowed
        return Preference.of(for_number, for_order, allowed, self.weights[allowed], self.n_regions)

    def __str__(self) -> str:
        classes = None if self.classes == classes_of_faces(None) else self.classes
        return f"n_regions={self.n_regions}, classes={classes}, min_area={self.min_area}"

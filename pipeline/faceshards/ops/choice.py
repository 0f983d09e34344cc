"""How many regions may be erased, and which: what a user says, checked once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from faceshards.checks import finite_number, whole_number
from faceshards.errors import ParamsError, UnknownRegionError
from faceshards.ops.erase import draw_regions
from faceshards.ops.preference import Preference
from faceshards.records import UInt8Array
from faceshards.regions import N_REGIONS, REGION_NAMES, Region
from faceshards.rng import UInt64Array

FACE_REGIONS: tuple[Region, ...] = tuple(Region)[Region.RIGHT_CHEEK : Region.NECK]
"""The 19 regions of a face proper: without background, neck, hair, clothing, glasses and headwear."""

Classes: TypeAlias = Iterable[int | str] | Mapping[int | str, float]
"""Regions by name (``"nose"``), id (10) or `Region`; a mapping gives each its relative probability."""

_BY_NAME = {region.label: region for region in Region}


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
        area = whole_number("min_area", min_area, 1)
        return cls(number_of_regions(n_regions), known, area, region_weights(known))

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


def number_of_regions(value: Any) -> tuple[int, int]:
    """Least and greatest number of regions, from one number or both.

    Raises:
        ParamsError: it is neither.
    """
    pair = tuple(value) if isinstance(value, (list, tuple, np.ndarray)) else (value, value)
    try:
        low, high = (whole_number("n_regions", number, 1) for number in pair)
        if high > N_REGIONS:
            raise ValueError
    except ValueError:
        raise ParamsError(
            f"n_regions must be a whole number from 1 to {N_REGIONS}, or two of them as (least, greatest); "
            f"found {value!r}"
        ) from None
    if low > high:
        raise ParamsError(f"n_regions must be (least, greatest); found {value!r}, the least above the greatest")
    return low, high


def classes_of_faces(value: Classes | None) -> dict[str, float]:
    """Relative probability of each region that is named, by name, in the order of the ids; None for `FACE_REGIONS`.

    Raises:
        ParamsError: not of the form of `Classes`, a probability that is negative or not finite, or nothing to erase.
        UnknownRegionError: a name or an id that is no region's.
    """
    if value is None:
        return dict.fromkeys((region.label for region in FACE_REGIONS), 1.0)
    regions = as_regions("classes", value)
    numbers = list(value.values()) if isinstance(value, Mapping) else [1.0] * len(regions)
    given: dict[Region, float] = {}
    for region, number in zip(regions, numbers, strict=True):
        if region in given:
            raise ParamsError(
                f"classes has {region.label} twice; to make a region likelier, give probabilities as {{'nose': 2}}"
            )
        given[region] = finite_number(f"classes: the probability of {region.label}", number)
        if given[region] < 0:
            raise ParamsError(f"classes: the probability of {region.label} must be 0 or more, found {number!r}")
    if not any(given.values()):
        raise ParamsError(f"classes leaves nothing to erase: no region has a probability above 0; found {value!r}")
    return {region.label: given[region] for region in sorted(given)}


def region_weights(classes: Classes | None) -> NDArray[np.float64]:
    """(25,) relative probabilities by region id, 0 for a region that is not named; see `classes_of_faces`."""
    weights = np.zeros(N_REGIONS)
    for name, weight in classes_of_faces(classes).items():
        weights[_BY_NAME[name]] = weight
    return weights


def as_regions(argument: str, value: Iterable[int | str]) -> tuple[Region, ...]:
    """Regions from names and ids; errors name the argument.

    Raises:
        ParamsError: not an iterable of several, such as one name alone.
        UnknownRegionError: a name or an id that is no region's.
    """
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise ParamsError(
            f"{argument} must be a list of names or ids of regions, as ['nose', 'mouth'], or a mapping of them to "
            f"probabilities, as {{'nose': 1}}; found {value!r}"
        )
    return tuple(_region(argument, one) for one in value)


def _region(argument: str, one: Any) -> Region:
    if isinstance(one, str) and one in _BY_NAME:
        return _BY_NAME[one]
    if not isinstance(one, str):
        try:
            return Region(whole_number(argument, one, 0))
        except ValueError:
            pass  # the error below says more
    raise UnknownRegionError(
        f"{argument}: {one!r} is no region; expected ids from 0 to {N_REGIONS - 1}, or names: {', '.join(REGION_NAMES)}"
    )

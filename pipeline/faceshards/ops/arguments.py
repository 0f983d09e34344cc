"""The arguments that say what is erased, each checked by itself: `n_regions`, `classes`, `fill` and `min_area`.

Errors begin with the argument's name.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from faceshards.checks import finite_number, whole_number
from faceshards.errors import ParamsError, UnknownRegionError
from faceshards.regions import N_REGIONS, REGION_NAMES, Region

FACE_REGIONS: tuple[Region, ...] = tuple(Region)[Region.RIGHT_CHEEK : Region.NECK]
"""The 19 regions of a face proper: without background, neck, hair, clothing, glasses and headwear."""

Classes: TypeAlias = Iterable[int | str] | Mapping[int | str, float]
"""Regions by name (``"nose"``), id (10) or `Region`; a mapping gives each its relative probability."""

Fill: TypeAlias = Literal["random", "random_1", "random_mix"] | tuple[int, int, int]
"""What replaces an erased pixel: noise a pixel, one colour a region, either by a coin a region, or one given RGB."""

_BY_NAME = {region.label: region for region in Region}
_FILLS: tuple[str, ...] = get_args(get_args(Fill)[0])


def number_of_regions(value: Any) -> tuple[int, int]:
    """Least and greatest number of regions, from one number or both.

    Raises:
        ParamsError: it is neither.
    """
    several = value.ndim == 1 if isinstance(value, np.ndarray) else isinstance(value, (list, tuple))
    pair = tuple(value) if several else (value, value)
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
    if hasattr(value, "keys") and hasattr(value, "items"):  # so does a Series of pandas, which is no Mapping
        value = dict(value.items())
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


def pixels(value: Any) -> int:
    """A least area in pixels, as `min_area` says it: 1 or more.

    Raises:
        ParamsError: it is something else.
    """
    return whole_number("min_area", value, 1)


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


def checked_fill(value: Any, *more_words: str) -> Any:
    """A `Fill`, or one of more words that a caller knows; a colour becomes a tuple of ints.

    Raises:
        ParamsError: it is something else.
    """
    words = (*_FILLS, *more_words)
    if isinstance(value, str) and value in words:
        return value
    is_row = value.ndim == 1 if isinstance(value, np.ndarray) else isinstance(value, (list, tuple))
    if is_row and len(value) == 3:
        try:
            colour = tuple(whole_number("fill", channel, 0) for channel in value)
        except ParamsError:
            colour = (256,)
        if max(colour) <= 255:
            return colour
    raise ParamsError(
        f"fill must be {', '.join(words)}, or a colour (red, green, blue) of whole numbers from 0 to 255; "
        f"found {value!r}"
    )

"""Face Semantic Erasing on arrays: which regions go, and what is put in their place.

From Kawai, Ito, Chen, Aoki, "FSErasing", IET Biometrics 2024. Every draw is a function of a
key (see `faceshards.rng`), so a variant is the same bits wherever and in whatever order it is made. Numpy only: the
loader runs this too.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from faceshards import rng
from faceshards.ops.preference import Preference
from faceshards.ops.runs import Runs
from faceshards.records import UInt8Array
from faceshards.regions import N_REGIONS, region_ids

Fill: TypeAlias = Literal["random", "random_1", "random_mix"] | tuple[int, int, int]
"""What replaces an erased pixel: noise a pixel, one colour a region, either by a coin a region, or one given RGB."""

_COUNT, _CLASSES, _COLOUR, _COIN, _NOISE = range(5)  # streams: one set of words for each kind of draw


def draw_classes(
    keys: rng.UInt64Array,
    areas: NDArray[np.int32],
    *,
    weights: NDArray[np.float64],
    n_regions: tuple[int, int],
    min_area: int,
    max_area: int | None = None,
) -> NDArray[np.uint32]:
    """Draw which regions of each face are erased.

    The number is uniform over `n_regions`; the regions are drawn without replacement, proportionally to `weights`,
    among those that the face shows. Where fewer are eligible than asked for, all of those go.

    Args:
        keys: (B,) uint64, one a face and variant.
        areas: (B, 25) pixels, from `Runs.areas`.
        weights: (25,) non-negative; a region of weight 0 is never drawn.
        n_regions: least and greatest number of regions, both included.
        min_area: a region of fewer pixels is not drawn.
        max_area: nor one of more; None for no limit.

    Returns:
        (B,) uint32: bit ``r`` is set where region ``r`` is erased.
    """
    draws = rng.uniforms(rng.fold(keys[:, None], (_COUNT, _CLASSES)), N_REGIONS)
    allowed = weights.nonzero()[0]
    preference = Preference.of(draws[:, 0, 0], draws[:, 1, allowed], allowed, weights[allowed], n_regions)
    return preference.among(areas, min_area, max_area)


def erase(
    images: UInt8Array,
    regions: UInt8Array,
    erased: NDArray[np.uint32],
    keys: rng.UInt64Array,
    fill: Fill,
    *,
    runs: Runs | None = None,
    out: UInt8Array | None = None,
) -> UInt8Array:
    """Erase regions of faces. Pixels outside the erased regions are returned as they are.

    Args:
        images: (B, H, W, 3) uint8.
        regions: (B, H, W) uint8 region ids.
        erased: (B,) uint32 bit masks, from `draw_classes`.
        keys: (B,) uint64, the same as for `draw_classes`.
        fill: see `Fill`; random values are uniform over 0..255 in each channel.
        runs: those of `regions`, where they were cut already.
        out: where to put the result, C-contiguous: `images` itself to erase in place; None for a new array.

    Returns:
        (B, H, W, 3) uint8.
    """
    if out is None:
        out = images.copy()
    elif out is not images:
        np.copyto(out, images)
    places = (Runs.of(regions) if runs is None else runs).positions(erased)
    _as_pixels(out)[places] = _fill_values(keys, regions, places, fill)
    return out


_PIXEL = np.dtype("V3")  # three bytes as one element: numpy moves them in half the time
_LOW_BYTES = np.dtype({"names": ["rgb"], "formats": [_PIXEL], "offsets": [0], "itemsize": 8})


def _as_pixels(images: UInt8Array) -> NDArray[np.void]:
    """The pixels of C-contiguous (B, H, W, 3), as a view: (N,) of three bytes."""
    return images.reshape(-1, copy=False).view(_PIXEL)


def _rgb(words: rng.UInt64Array) -> NDArray[np.void]:
    """The low three bytes of each word, whatever the machine's byte order."""
    return words.astype("<u8", copy=False).view(_LOW_BYTES)["rgb"]


def _fill_values(keys: rng.UInt64Array, regions: UInt8Array, places: NDArray[np.int64], fill: Fill) -> NDArray[np.void]:
    """What goes to some pixels, by their ascending places in the flattened maps."""
    if isinstance(fill, tuple):
        return np.broadcast_to(np.array(fill, np.uint8).view(_PIXEL), len(places))
    begins = np.arange(len(keys) + 1) * regions[:1].size
    number = np.diff(places.searchsorted(begins))
    noise_keys = rng.skip(rng.fold(keys, _NOISE), -begins[:-1])  # so that words are counted from the face's beginning
    if fill == "random":
        return _rgb(rng.word_at(noise_keys.repeat(number), places))
    face = np.arange(len(keys)).repeat(number)
    region = regions.reshape(-1)[places]
    values = _rgb(rng.words(rng.fold(keys, _COLOUR), N_REGIONS))[face, region]
    if fill == "random_mix":
        heads = (rng.words(rng.fold(keys, _COIN), N_REGIONS) >> np.uint64(63) == 1)[face, region]
        values[heads] = _rgb(rng.word_at(noise_keys[face[heads]], places[heads]))
    return values


def class_weights(named: dict[int, float]) -> NDArray[np.float64]:
    """Weights by region id as the (25,) array that `draw_classes` takes; what is not named has weight 0."""
    weights = np.zeros(N_REGIONS)
    weights[list(named)] = list(named.values())
    return weights


def named_weights(named: Mapping[str, float]) -> NDArray[np.float64]:
    """Like `class_weights`, by region name, as params and manifests say it.

    Raises:
        UnknownRegionError: a name is none of the 25.
    """
    return class_weights(dict(zip(region_ids(named), named.values(), strict=True)))


def classes_of(mask: int) -> Sequence[int]:
    """The region ids whose bit is set in one erased mask."""
    return [r for r in range(N_REGIONS) if mask >> r & 1]

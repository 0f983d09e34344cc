"""Face Semantic Erasing on arrays: which regions go, and what is put in their place.

From Kawai, Ito, Chen, Aoki, "FSErasing", IET Biometrics 2024. Every draw is a function of a
key (see `faceshards.rng`), so a variant is the same bits wherever and in whatever order it is made. Numpy only: the
loader runs this too.
"""

import numpy as np
from numpy.typing import NDArray

from faceshards import rng
from faceshards.ops.arguments import Fill
from faceshards.ops.preference import Preference
from faceshards.records import UInt8Array
from faceshards.regions import N_REGIONS

_COUNT, _CLASSES, _COLOUR, _COIN, _NOISE = range(5)  # streams: one set of words for each kind of draw


def draw_regions(
    keys: rng.UInt64Array,
    maps: UInt8Array,
    *,
    weights: NDArray[np.float64],
    n_regions: tuple[int, int],
    min_area: int,
) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """Draw which regions of each face are erased.

    The number is uniform over `n_regions`; the regions are drawn without replacement, proportionally to `weights`,
    among those that the face shows. Where fewer are eligible than asked for, all of those go.

    Args:
        keys: (B,) uint64, one a face and variant.
        maps: (B, H, W) uint8 region ids.
        weights: (25,) non-negative; a region of weight 0 is never drawn.
        n_regions: least and greatest number of regions, both included.
        min_area: a region of fewer pixels is not drawn.

    Returns:
        (B,) uint32 masks: bit ``r`` is set where region ``r`` is erased; and (B, H, W) bool where its pixels are.
    """
    allowed = weights.nonzero()[0]
    draws = rng.uniforms(rng.fold(keys[:, None], (_COUNT, _CLASSES)), N_REGIONS)
    preference = Preference.of(draws[:, 0, 0], draws[:, 1, allowed], allowed, weights[allowed], n_regions)
    return preference.seek(maps, min_area)


def erase(
    images: UInt8Array,
    regions: UInt8Array,
    gone: NDArray[np.bool_],
    keys: rng.UInt64Array,
    fill: Fill,
    *,
    out: UInt8Array | None = None,
) -> UInt8Array:
    """Replace the pixels of erased regions; all others are returned as they are.

    Args:
        images: (B, H, W, 3) uint8.
        regions: (B, H, W) uint8 region ids.
        gone: (B, H, W) bool where a pixel goes, from `draw_regions` or `faceshards.maps.pixels_of`.
        keys: (B,) uint64, the same as for `draw_regions`.
        fill: see `Fill`; random values are uniform over 0..255 in each channel.
        out: where to put the result, C-contiguous: `images` itself to erase in place; None for a new array.

    Returns:
        (B, H, W, 3) uint8.
    """
    if out is None:
        out = images.copy()
    elif out is not images:
        np.copyto(out, images)
    _as_pixels(out)[gone.reshape(-1)] = _fill_values(keys, regions, gone, fill)
    return out


_PIXEL = np.dtype("V3")  # three bytes as one element: numpy moves them in half the time


def _as_pixels(images: UInt8Array) -> NDArray[np.void]:
    """The pixels of C-contiguous (B, H, W, 3), as a view: (B * H * W,) of three bytes."""
    return images.reshape(-1, copy=False).view(_PIXEL)


def _fill_values(keys: rng.UInt64Array, regions: UInt8Array, gone: NDArray[np.bool_], fill: Fill) -> NDArray[np.void]:
    """What replaces the pixels that go, in reading order: one value each, or one for all."""
    if isinstance(fill, tuple):
        return np.array(fill, np.uint8).view(_PIXEL)
    number = np.array([np.count_nonzero(face) for face in gone], np.int64)
    if fill == "random":
        return _random_pixels(rng.fold(keys, _NOISE), number)
    place = np.arange(len(keys)).repeat(number) * N_REGIONS + regions[gone]
    values = _random_pixels(rng.fold(keys, _COLOUR), np.full(len(keys), N_REGIONS)).take(place)
    if fill == "random_mix":
        heads = (rng.words(rng.fold(keys, _COIN), N_REGIONS) >> np.uint64(63) == 1).take(place)
        values[heads] = _random_pixels(rng.fold(keys, _NOISE), number)[heads]
    return values


def _random_pixels(keys: rng.UInt64Array, number: NDArray[np.int64]) -> NDArray[np.void]:
    """So many pixels of each key, one key after the other."""
    return rng.octets(keys, 3 * number).view(_PIXEL)

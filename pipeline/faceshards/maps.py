"""Looks at region maps: how large each region is, and where the pixels of some are."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceshards.errors import FaceError, FaceTypeError
from faceshards.records import UInt8Array
from faceshards.regions import IGNORE, N_REGIONS, PALETTE

COLOURS = np.full((256, 3), 255, np.uint8)
"""RGB of the pixels of a region map, by id: the palette's, and white where no region is."""
COLOURS[:N_REGIONS] = PALETTE

_REGION_BITS = np.uint32((1 << N_REGIONS) - 1)
_ONE = np.uint8(1)


def known_ids(regions: NDArray[Any]) -> UInt8Array:
    """A region map of a user, every pixel of it looked at: of any shape and integer dtype, as uint8.

    Raises:
        FaceTypeError: it is not of an integer dtype.
        FaceError: a pixel has an id that is neither a region's, 0 to 24, nor 255 for none.
    """
    if regions.dtype.kind not in "iu":
        raise FaceTypeError(f"a region map must have an integer dtype, found {regions.dtype}")
    if not regions.size:
        return regions.astype(np.uint8)
    highest = np.maximum.reduce(regions, None)
    if highest < N_REGIONS and (regions.dtype.kind == "u" or np.minimum.reduce(regions, None) >= 0):
        return regions.astype(np.uint8, copy=False)
    # 255 + 1 is 0 in uint8.
    if regions.dtype == np.uint8 and np.maximum.reduce(np.add(regions, _ONE), None) <= N_REGIONS:
        return regions
    wrong = regions[((regions < 0) | (regions >= N_REGIONS)) & (regions != IGNORE)]
    if wrong.size:
        raise unknown_ids(np.unique(wrong).tolist())
    return regions.astype(np.uint8)


def unknown_ids(found: list[int]) -> FaceError:
    """The error of a region map with ids that are no regions'."""
    return FaceError(
        f"a region map must hold ids from 0 to {N_REGIONS - 1}, or {IGNORE} for no region; found "
        f"{', '.join(map(str, found[:8]))}{' and more' if len(found) > 8 else ''}: "
        "turn the classes of another scheme into those of faceshards.Region first"
    )


def region_areas(maps: UInt8Array) -> NDArray[np.int32]:
    """Pixels of each region: (B, H, W) uint8 maps to (B, 25) int32. What is no region (255) counts nowhere."""
    counts = [np.bincount(face.reshape(-1), minlength=N_REGIONS)[:N_REGIONS] for face in maps]
    return np.array(counts, np.int32).reshape(len(maps), N_REGIONS)


def pixels_of(maps: UInt8Array, masks: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Where some regions are.

    Args:
        maps: (B, H, W) uint8 region ids.
        masks: (B,) uint32, bit ``r`` set where region ``r`` is meant.

    Returns:
        (B, H, W) bool.
    """
    found = [table.take(face) for table, face in zip(bit_table(masks), maps, strict=True)]
    return np.array(found, np.bool_).reshape(maps.shape)


def bit_table(masks: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Masks as lookup tables by what a map can hold: (B,) uint32 to (B, 256) bool; what is no region is not set."""
    table = np.zeros((len(masks), 256), np.bool_)
    each_byte = (masks & _REGION_BITS).astype("<u4").view(np.uint8).reshape(-1, 4)
    table[:, :32] = np.unpackbits(each_byte, axis=1, bitorder="little")
    return table

"""Looks at region maps: how large each region is, and where the pixels of some are."""

import numpy as np
from numpy.typing import NDArray

from faceshards.records import UInt8Array
from faceshards.regions import N_REGIONS

_REGION_BITS = np.uint32((1 << N_REGIONS) - 1)


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

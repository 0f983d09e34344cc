"""Pictures of flat areas of a few colours, as label maps are and photographs are not."""

import numpy as np

from faceshards.records import UInt8Array

FEW_COLOURS = 40
"""So many a label map has at most."""
_BLOCK = 2**20
"""Pixels that are looked at together."""
_FLAT = 0.9
"""More pixels of a label map than this are as those above and to the left: 0.93 of the least flat of 71 FaceSynthetics
label maps."""


def has_flat_areas(pixels: UInt8Array) -> bool:
    """Whether an image (H, W, 3) is made of flat areas of a few colours; one colour alone is none."""
    height, width = pixels.shape[:2]
    rows = max(1, _BLOCK // width)
    colours: set[int] = set()
    flat = 0
    for top in range(0, height, rows):
        # With the row above, which the next ones are held against.
        block = pixels[max(top - 1, 0) : top + rows].astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
        row = block.ravel()
        colours.update(np.unique(row[np.append(True, row[1:] != row[:-1])]).tolist())
        if len(colours) > FEW_COLOURS:
            return False
        flat += int(np.count_nonzero((block[1:, 1:] == block[:-1, 1:]) & (block[1:, 1:] == block[1:, :-1])))
    return len(colours) > 1 and flat > _FLAT * (height - 1) * (width - 1)

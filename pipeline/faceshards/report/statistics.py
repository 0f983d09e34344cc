"""How large each region is and how often it is erased, from the manifest alone: no image is read."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from faceshards.ops.arguments import region_weights
from faceshards.regions import N_REGIONS
from faceshards.report.faces import Faces

_ROWS = 65_536


class RegionStatistics(NamedTuple):
    """(25,) float64 each, 0 to 1.

    Attributes:
        mean_share: of a face's pixels, the mean over all faces.
        present_share: of the faces, those that show at least one pixel.
        eligible_share: of the variants, those in which the region could have been erased: it may be drawn and is large
            enough.
        erased_share: of the variants, those in which it is; 0 where there are none.
    """

    mean_share: NDArray[np.float64]
    present_share: NDArray[np.float64]
    eligible_share: NDArray[np.float64]
    erased_share: NDArray[np.float64]


def region_statistics(faces: Faces) -> RegionStatistics:
    """Add up over all usable faces, a block of manifest rows at a time."""
    params = faces.erase_params
    weights = region_weights(params["classes"])
    least = max(int(params["min_area"]), 1)
    bits = np.arange(N_REGIONS, dtype=np.uint32)
    pixels, present, eligible, erased = np.zeros((4, N_REGIONS), np.int64)
    columns = ["region_px", "erased"] if faces.variants else ["region_px"]
    for block in faces.usable.select(columns).to_batches(max_chunksize=_ROWS):
        areas = block["region_px"].flatten().to_numpy().reshape(-1, N_REGIONS)
        masks = block["erased"].flatten().to_numpy() if faces.variants else np.empty(0, np.uint32)
        pixels += areas.sum(axis=0, dtype=np.int64)
        present += (areas > 0).sum(axis=0)
        eligible += ((areas >= least) & (weights > 0)).sum(axis=0)
        erased += (masks[:, None] >> bits & 1).sum(axis=0, dtype=np.int64)
    n = faces.usable.num_rows
    height, width = faces.store.arrays["region"].shape
    return RegionStatistics(
        pixels / (n * height * width), present / n, eligible / n, erased / max(n * faces.variants, 1)
    )


def seen_together(faces: Faces) -> NDArray[np.uint32]:
    """How many usable faces show a pixel of both regions: (25, 25) uint32; the diagonal is how many show the region."""
    counts = np.zeros((N_REGIONS, N_REGIONS), np.int64)
    for block in faces.usable.select(["region_px"]).to_batches(max_chunksize=_ROWS):
        present = (block["region_px"].flatten().to_numpy().reshape(-1, N_REGIONS) > 0).astype(np.float64)
        # Whole numbers below 2**53, so that no order of adding shows.
        counts += (present.T @ present).astype(np.int64)
    return counts.astype(np.uint32)

"""Photographs with coarse masks through the stage `align`: the skin is cut by the face mesh, the rest is the masks'."""

from pathlib import Path

import numpy as np
import zarr
from photo_folders import aligned

from faceshards.regions import Region

_FIRST = 8


def test_photographs_of_celebamask_get_the_25_regions_on_the_right_sides(shared: Path, tmp_path: Path) -> None:
    rows, _ = aligned(shared / "celebamask/pairs_850.zip", tmp_path, source={"limit": _FIRST})
    assert [row["status"] for row in rows] == ["ok"] * _FIRST
    assert all(row["has_truth"] for row in rows)
    # The fourth photograph's masks name right and left the wrong way round.
    assert [(row["reason"] or "").partition(":")[0] for row in rows] == ["", "", "", "sides_exchanged", "", "", "", ""]
    truth = np.asarray(zarr.open_group(str(tmp_path / "aligned/train.zarr"), mode="r")["truth"])
    assert set(range(Region.RIGHT_CHEEK, Region.LOWER_LIP + 1)) <= set(np.unique(truth).tolist())
    for regions in truth:
        middle = {
            region: float(np.nonzero(regions == region)[1].mean()) for region in Region if (regions == region).any()
        }
        assert middle[Region.RIGHT_CHEEK] < middle[Region.NOSE] < middle[Region.LEFT_CHEEK]
        for right, left in ((Region.RIGHT_EYE, Region.LEFT_EYE), (Region.RIGHT_BROW, Region.LEFT_BROW)):
            if right in middle and left in middle:
                assert middle[left] < middle[right]

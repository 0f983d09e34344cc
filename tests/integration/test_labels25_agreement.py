"""The 25 regions of real frames: all of them get a map, and it is the authors' map."""

import sys

import numpy as np
import pytest

from faceshards.ops.labels import detailed_regions, merge_to_coarse
from faceshards.regions import CoarseRegion, Region


@pytest.fixture(scope="module")
def benchmark(root):
    sys.path.insert(0, str(root / "benchmarks"))
    try:
        import labels25
    finally:
        sys.path.pop(0)
    return labels25


def test_the_regions_agree_with_the_authors_own_labels(benchmark, shared):
    pairs = benchmark.labelled_frames(shared)
    total = benchmark.pooled(
        [
            benchmark.agreement(detailed_regions(frame.coarse, frame.landmarks), frame.coarse, authors)
            for frame, authors in pairs
        ]
    )
    assert len(pairs) == 5
    assert total.skin >= 0.96
    assert total.miou >= 0.91


def test_every_real_frame_gets_a_sensible_map(benchmark, frames_zip):
    n = 0
    for frame in benchmark.read_frames(frames_zip):
        n += 1
        regions = detailed_regions(frame.coarse, frame.landmarks)
        skin = np.isin(frame.coarse, (CoarseRegion.SKIN, CoarseRegion.BEARD))
        assert np.isin(regions[skin], [*range(1, 10), Region.NECK]).all(), frame.name
        assert (merge_to_coarse(regions)[frame.coarse < CoarseRegion.BEARD] == frame.coarse[frame.coarse < 14]).all()

        axis = frame.landmarks[8] - frame.landmarks[27]  # from the nose bridge to the chin
        down = axis / np.hypot(*axis)
        leftward = np.array([down[1], -down[0]])
        centre = {r: np.argwhere(regions == r)[:, ::-1].mean(0) for r in range(1, 10) if (regions == r).sum() > 200}
        assert len(centre) >= 4, frame.name  # a profile shows one half only
        for right, left in ((1, 2), (3, 4), (5, 6), (8, 9)):
            if right in centre and left in centre:
                assert (centre[left] - centre[right]) @ leftward > 0, (frame.name, Region(right), Region(left))
        for upper, lower in ((5, 1), (6, 2), (1, 3), (2, 4), (8, 3), (9, 4)):
            if upper in centre and lower in centre:
                assert (centre[lower] - centre[upper]) @ down > 0, (frame.name, Region(upper), Region(lower))
    assert n == 71

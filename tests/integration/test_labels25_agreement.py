"""The 25 regions of real frames: all of them get a map, and it is the authors' map."""

import sys

import numpy as np
import pytest

from faceshards.ops.labels import merge_to_coarse
from faceshards.regions import CoarseRegion, Region


@pytest.fixture(scope="module")
def benchmark(root):
    sys.path.insert(0, str(root / "benchmarks"))
    try:
        import labels25
    finally:
        sys.path.pop(0)
    return labels25


@pytest.mark.parametrize(("cut", "skin", "miou"), [("by_mesh", 0.977, 0.947), ("by_map", 0.974, 0.943)])
def test_the_regions_agree_with_the_authors_own_labels(benchmark, shared, cut, skin, miou):
    pairs = benchmark.labelled_frames(shared)
    regions = getattr(benchmark, cut)
    total = benchmark.pooled([benchmark.agreement(regions(frame), frame.coarse, authors) for frame, authors in pairs])
    assert len(pairs) >= 5
    assert total.skin >= skin
    assert total.miou >= miou


def test_a_mesh_that_lies_wrong_leaves_the_cut_to_the_landmarks(benchmark, frames_zip):
    """Frames in which the network is sure of a mesh that lies wrong, and one in which it finds none."""
    mistaken = {"000012", "000043", "000062", "000071"}
    for frame in benchmark.read_frames(frames_zip):
        same = (benchmark.by_mesh(frame) == benchmark.by_map(frame)).all()
        assert same == (frame.name in mistaken), frame.name


@pytest.mark.parametrize("cut", ["by_mesh", "by_map"])
def test_every_real_frame_gets_a_sensible_map(benchmark, frames_zip, cut):
    n = 0
    for frame in benchmark.read_frames(frames_zip):
        n += 1
        regions = getattr(benchmark, cut)(frame)
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

import pytest

from faceshards.errors import UnknownRegionError
from faceshards.regions import MIRROR, N_REGIONS, PALETTE, REGION_NAMES, CoarseRegion, Region, region_ids


def test_ids_are_the_published_ones() -> None:
    assert [Region.RIGHT_CHEEK, Region.NOSE, Region.NECK, Region.HEADWEAR] == [1, 10, 20, 24]
    assert [CoarseRegion.SKIN, CoarseRegion.BEARD, CoarseRegion.FACEWEAR] == [1, 14, 18]
    assert N_REGIONS == 25


def test_mirroring_swaps_every_pair_and_twice_is_nothing() -> None:
    assert MIRROR[Region.AROUND_RIGHT_EYE] == Region.AROUND_LEFT_EYE
    assert MIRROR[Region.NOSE] == Region.NOSE
    assert [MIRROR[m] for m in MIRROR] == list(range(N_REGIONS))
    assert sum(m != r for r, m in enumerate(MIRROR)) == 14


def test_every_region_has_a_colour_of_its_own() -> None:
    assert len(set(PALETTE)) == len(PALETTE) == N_REGIONS


def test_names_become_regions_and_an_unknown_one_is_answered_with_the_list() -> None:
    assert region_ids(["nose", "left_brow"]) == (Region.NOSE, Region.LEFT_BROW)
    with pytest.raises(UnknownRegionError, match=r"'noze'.*" + REGION_NAMES[-1]):
        region_ids(["noze"])


def test_a_mask_names_its_regions() -> None:
    assert Region.of_mask(1 << 10 | 1 << 17) == (Region.NOSE, Region.MOUTH)
    assert Region.of_mask(0) == ()

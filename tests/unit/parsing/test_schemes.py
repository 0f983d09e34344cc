from typing import get_args

import numpy as np
import pytest
from adapters import frontal_face

from faceshards.errors import UnknownRegionError
from faceshards.parsing.schemes import CLASS_NAMES, SCHEMES, ClassMap, SchemeName
from faceshards.records import UInt8Array
from faceshards.regions import REGION_NAMES, CoarseRegion, Region

# Their classes as ours, in the order of each numbering.
CELEBAMASK_HQ = {
    "background": "background",
    "skin": "skin",
    "nose": "nose",
    "eye_g": "glasses",
    "l_eye": "eye",
    "r_eye": "eye",
    "l_brow": "brow",
    "r_brow": "brow",
    "l_ear": "ear",
    "r_ear": "ear",
    "mouth": "mouth",
    "u_lip": "upper_lip",
    "l_lip": "lower_lip",
    "hair": "hair",
    "hat": "headwear",
    "ear_r": "none",
    "neck_l": "neck",
    "neck": "neck",
    "cloth": "clothing",
}
BISENET = (
    *("background", "skin", "l_brow", "r_brow", "l_eye", "r_eye", "eye_g", "l_ear", "r_ear", "ear_r", "nose"),
    *("mouth", "u_lip", "l_lip", "neck", "neck_l", "cloth", "hair", "hat"),
)


def whole(winner: int) -> UInt8Array:
    return np.full((1, 112, 112), winner, np.uint8)


def test_there_is_a_list_of_classes_for_every_scheme() -> None:
    assert set(SCHEMES) == set(get_args(SchemeName))
    assert {name for names in SCHEMES.values() for name in names} <= set(CLASS_NAMES)


def test_the_25_regions_are_themselves() -> None:
    ids = np.arange(25, dtype=np.uint8).repeat(112 * 112).reshape(25, 112, 112)
    assert np.array_equal(ClassMap.of("regions25").regions(ids), ids)


def test_celebamask_comes_in_two_orders_of_the_same_classes() -> None:
    assert SCHEMES["celebamask_hq"] == tuple(CELEBAMASK_HQ.values())
    assert SCHEMES["celebamask_bisenet"] == tuple(CELEBAMASK_HQ[name] for name in BISENET)


def test_facesynthetics_classes_keep_their_names_and_sides() -> None:
    names = SCHEMES["facesynthetics19"]
    renamed = {"MOUTH_INTERIOR": "mouth", "TOP_LIP": "upper_lip", "BOTTOM_LIP": "lower_lip", "FACEWEAR": "none"}
    assert names == tuple(renamed.get(c.name, c.name.lower()) for c in CoarseRegion)


def test_a_class_of_no_region_may_not_win() -> None:
    classes = ClassMap.of("celebamask_bisenet")
    assert classes.kept == tuple(i for i in range(19) if BISENET[i] != "ear_r")


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [
        ("eye", Region.LEFT_EYE, Region.RIGHT_EYE),
        ("brow", Region.LEFT_BROW, Region.RIGHT_BROW),
        ("ear", Region.LEFT_EAR, Region.RIGHT_EAR),
    ],
)
def test_the_place_says_the_side_as_the_viewer_sees_it(name: str, left: Region, right: Region) -> None:
    regions = ClassMap(("background", name)).regions(whole(1))[0]
    assert (regions[:, :56] == left).all()
    assert (regions[:, 56:] == right).all()


def test_skin_is_cut_into_the_nine_regions() -> None:
    regions = ClassMap(("background", "skin")).regions(whole(1))
    assert set(np.unique(regions)) == set(range(1, 10))


def test_a_beard_is_skin_and_beneath_the_chin_neck() -> None:
    face = frontal_face(lift=35)
    face[(face == CoarseRegion.SKIN) & (np.arange(112)[:, None] > 45)] = CoarseRegion.BEARD
    face[70:, 40:72] = CoarseRegion.BEARD
    regions = ClassMap.of("facesynthetics19").regions(face[None])[0]
    assert regions[111, 56] == Region.NECK
    assert set(np.unique(regions[55:70][face[55:70] == CoarseRegion.BEARD])) <= set(range(1, 10))


@pytest.mark.parametrize("name", [n for n in REGION_NAMES if n not in REGION_NAMES[1:10]])
def test_every_other_region_may_stand_beside_skin(name: str) -> None:
    regions = ClassMap((name, "skin")).regions(whole(0))
    assert (regions == REGION_NAMES.index(name)).all()


def test_several_classes_may_be_one_region() -> None:
    assert (ClassMap(("hair", "hair")).regions(whole(1)) == Region.HAIR).all()


def test_an_unknown_name_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(UnknownRegionError, match=r"unknown class face, lip; expected some of: background, .*none"):
        ClassMap(("background", "lip", "face"))


def test_skin_beside_parts_of_skin_is_refused() -> None:
    with pytest.raises(ValueError, match="found both 'right_cheek' and 'skin'"):
        ClassMap(("skin", "right_cheek"))


def test_classes_that_all_stand_for_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="every class is 'none'"):
        ClassMap(("none", "none"))

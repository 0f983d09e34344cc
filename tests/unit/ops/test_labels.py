import numpy as np
import pytest

from faceshards.errors import BadSampleError
from faceshards.ops.labels import detailed_regions, merge_to_coarse, mirror_regions
from faceshards.ops.mesh import mesh_map
from faceshards.regions import IGNORE, MIRROR, CoarseRegion, Region

SIZE = 256
JAW_BOTTOM = 8


@pytest.fixture
def landmarks() -> np.ndarray:
    """A mean face in the middle of the picture, looking at us."""
    return (mesh_map().reference * 60 + SIZE / 2).astype(np.float32)


def all_of(part: CoarseRegion) -> np.ndarray:
    return np.full((SIZE, SIZE), part, np.uint8)


def at(regions: np.ndarray, point: np.ndarray, dx: int = 0, dy: int = 0) -> int:
    x, y = np.round(point + np.array([dx, dy])).astype(int)
    return int(regions[y, x])


def test_skin_holds_all_nine_regions_and_nothing_else(landmarks):
    regions = detailed_regions(all_of(CoarseRegion.SKIN), landmarks)
    assert set(np.unique(regions)) == set(range(1, 10))
    assert regions.dtype == np.uint8


def test_regions_lie_where_their_names_say(landmarks):
    regions = detailed_regions(all_of(CoarseRegion.SKIN), landmarks)
    right_eye, left_eye, brows, chin = landmarks[68], landmarks[69], landmarks[[21, 22]].mean(0), landmarks[JAW_BOTTOM]
    assert at(regions, right_eye) == Region.AROUND_RIGHT_EYE
    assert at(regions, left_eye) == Region.AROUND_LEFT_EYE
    assert at(regions, brows) == Region.MIDDLE_FOREHEAD
    assert at(regions, chin, -8, -4) == Region.RIGHT_CHIN
    assert at(regions, chin, 8, -4) == Region.LEFT_CHIN
    assert at(regions, brows, -20, -60) == Region.RIGHT_FOREHEAD
    assert at(regions, brows, 20, -60) == Region.LEFT_FOREHEAD
    assert at(regions, landmarks[[48, 2]].mean(0)) == Region.RIGHT_CHEEK
    assert at(regions, landmarks[[54, 14]].mean(0)) == Region.LEFT_CHEEK


@pytest.mark.parametrize(
    ("part", "region"),
    [
        (CoarseRegion.BACKGROUND, Region.BACKGROUND),
        (CoarseRegion.NOSE, Region.NOSE),
        (CoarseRegion.RIGHT_EYE, Region.RIGHT_EYE),
        (CoarseRegion.LEFT_BROW, Region.LEFT_BROW),
        (CoarseRegion.RIGHT_EAR, Region.RIGHT_EAR),
        (CoarseRegion.MOUTH_INTERIOR, Region.MOUTH),
        (CoarseRegion.TOP_LIP, Region.UPPER_LIP),
        (CoarseRegion.BOTTOM_LIP, Region.LOWER_LIP),
        (CoarseRegion.NECK, Region.NECK),
        (CoarseRegion.HAIR, Region.HAIR),
        (CoarseRegion.CLOTHING, Region.CLOTHING),
        (CoarseRegion.GLASSES, Region.GLASSES),
        (CoarseRegion.HEADWEAR, Region.HEADWEAR),
    ],
)
def test_every_other_part_keeps_its_name(landmarks, part, region):
    assert (detailed_regions(all_of(part), landmarks) == region).all()
    assert (merge_to_coarse(np.array([region], np.uint8)) == part).all()


def test_a_beard_is_skin_on_the_face_and_neck_below_it(landmarks):
    regions = detailed_regions(all_of(CoarseRegion.BEARD), landmarks)
    assert at(regions, landmarks[JAW_BOTTOM], -8, -4) == Region.RIGHT_CHIN
    assert at(regions, landmarks[JAW_BOTTOM], 0, 30) == Region.NECK
    assert set(np.unique(regions)) == {*range(1, 10), Region.NECK}


def test_facewear_is_ignored(landmarks):
    assert (detailed_regions(all_of(CoarseRegion.FACEWEAR), landmarks) == IGNORE).all()


def test_an_ignored_pixel_takes_the_nearest_class_within_three_pixels(landmarks):
    coarse = all_of(CoarseRegion.HAIR)
    coarse[:, 100:120] = IGNORE
    coarse[:, 120:] = CoarseRegion.NECK
    row = detailed_regions(coarse, landmarks)[50]
    assert (row[:103] == Region.HAIR).all()
    assert (row[103:117] == IGNORE).all()
    assert (row[117:] == Region.NECK).all()


def test_a_picture_that_is_ignored_throughout_stays_so(landmarks):
    assert (detailed_regions(np.full((9, 9), IGNORE, np.uint8), landmarks) == IGNORE).all()


def test_the_nine_skin_regions_merge_back_to_skin():
    merged = merge_to_coarse(np.array([*range(1, 10), IGNORE], np.uint8))
    assert merged.tolist() == [CoarseRegion.SKIN] * 9 + [IGNORE]


def test_mirroring_swaps_the_sides_and_is_its_own_inverse():
    regions = np.array([[*range(25), IGNORE]], np.uint8)
    mirrored = mirror_regions(regions)
    assert mirrored[0].tolist() == [IGNORE, *MIRROR[::-1]]
    assert (mirror_regions(mirrored) == regions).all()


def test_a_face_turned_in_the_picture_plane_turns_its_regions(landmarks):
    turned = np.stack([landmarks[:, 1], SIZE - 1 - landmarks[:, 0]], axis=1)
    upright = detailed_regions(all_of(CoarseRegion.SKIN), landmarks)
    assert (np.rot90(upright) == detailed_regions(all_of(CoarseRegion.SKIN), turned)).mean() > 0.99


@pytest.mark.parametrize(
    ("coarse", "points", "reason"),
    [
        (np.zeros((8, 8, 3), np.uint8), np.zeros((70, 2), np.float32), "bad_labels"),
        (np.zeros((8, 8), np.int64), np.zeros((70, 2), np.float32), "bad_labels"),
        (np.zeros((0, 8), np.uint8), np.zeros((70, 2), np.float32), "bad_labels"),
        (np.zeros((8, 8), np.uint8), np.zeros((68, 2), np.float32), "bad_landmarks"),
        (np.zeros((8, 8), np.uint8), np.full((70, 2), np.nan, np.float32), "degenerate_landmarks"),
        (np.zeros((8, 8), np.uint8), np.full((70, 2), np.inf, np.float32), "degenerate_landmarks"),
        (np.full((8, 8), 19, np.uint8), np.zeros((70, 2), np.float32), "unknown_class"),
    ],
)
def test_what_cannot_be_labelled_says_why(coarse, points, reason):
    with pytest.raises(BadSampleError) as error:
        detailed_regions(coarse, points)
    assert error.value.reason == reason
    assert isinstance(error.value, ValueError)


@pytest.mark.parametrize(
    ("mesh", "reason"),
    [
        (None, "no_landmarks"),
        (np.zeros((478, 2)), "bad_landmarks"),
        (np.zeros((468, 3)), "bad_landmarks"),
        (np.full((468, 2), np.nan), "degenerate_landmarks"),
    ],
)
def test_a_mesh_that_is_none_says_why(mesh, reason):
    with pytest.raises(BadSampleError) as error:
        detailed_regions(np.zeros((8, 8), np.uint8), None, mesh)
    assert error.value.reason == reason


def mesh_about(landmarks: np.ndarray, off: float = 0.0) -> np.ndarray:
    """A mesh whose points that matter lie `off` radii beside where the map of the landmarks has them."""
    mesh = np.full((468, 2), SIZE / 2)
    for k, point in mesh_map()(landmarks).items():
        mesh[k] = point + 0.5
    return mesh + np.array([off * 60, 0])


def test_a_mesh_where_the_map_would_be_cuts_as_the_map_does(landmarks):
    skin = all_of(CoarseRegion.SKIN)
    np.testing.assert_array_equal(
        detailed_regions(skin, None, mesh_about(landmarks)), detailed_regions(skin, landmarks)
    )


def test_the_mesh_cuts_while_it_lies_near_the_map_and_not_beyond(landmarks):
    skin = all_of(CoarseRegion.SKIN)
    by_map = detailed_regions(skin, landmarks)
    near, far = mesh_about(landmarks, 0.14), mesh_about(landmarks, 0.16)
    np.testing.assert_array_equal(detailed_regions(skin, landmarks, near), detailed_regions(skin, None, near))
    assert (detailed_regions(skin, landmarks, near) != by_map).any()
    np.testing.assert_array_equal(detailed_regions(skin, landmarks, far), by_map)


def test_a_beard_below_the_jaw_of_a_mesh_is_neck(landmarks):
    mesh = mesh_about(landmarks)
    jaw = (58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288)
    mesh[list(jaw)] = np.stack([np.linspace(60, 196, len(jaw)), np.full(len(jaw), 190.0)], axis=1)
    regions = detailed_regions(all_of(CoarseRegion.BEARD), None, mesh)
    assert (regions[250, 70:190] == Region.NECK).all()
    assert (regions[180] != Region.NECK).all()


def test_an_unknown_scheme_is_refused(landmarks):
    with pytest.raises(ValueError, match="facesynthetics"):
        detailed_regions(all_of(CoarseRegion.SKIN), landmarks, scheme="ade20k")

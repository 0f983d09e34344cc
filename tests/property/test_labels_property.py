import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from faceshards.ops.labels import detailed_regions, mirror_regions
from faceshards.ops.mesh import mesh_map
from faceshards.regions import IGNORE, CoarseRegion, Region

COARSE = [*CoarseRegion, IGNORE]
MIRRORED_LANDMARKS = [
    *(16 - i for i in range(17)),
    *(43 - i for i in range(17, 27)),
    *(27, 28, 29, 30, 35, 34, 33, 32, 31),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65, 69, 68),
]

coarse_maps = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    elements=st.sampled_from([int(c) for c in COARSE]),
)
finite = st.floats(-(2.0**126), 2.0**126, width=32) | st.floats(-100, 100, width=32)
any_landmarks = hnp.arrays(np.float32, (70, 2), elements=finite)
collinear_landmarks = st.tuples(hnp.arrays(np.float32, (70, 1), elements=st.floats(-500, 500, width=32)), finite).map(
    lambda t: np.hstack([t[0], np.full_like(t[0], t[1])])
)


@st.composite
def faces(draw: st.DrawFn) -> np.ndarray:
    """A mean face squeezed as by a turned head, dented, turned, scaled and moved, perhaps out of the picture."""
    face = mesh_map().reference.copy()
    face[:, 0] *= draw(st.floats(-1, 1))
    face += draw(hnp.arrays(np.float64, (70, 2), elements=st.floats(-0.1, 0.1)))
    angle, size = draw(st.floats(-3.2, 3.2)), draw(st.floats(0.5, 80))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return (size * face @ turn + draw(st.tuples(st.floats(-50, 150), st.floats(-50, 150)))).astype(np.float32)


@given(coarse_maps, any_landmarks | collinear_landmarks | faces())
@settings(max_examples=150, deadline=None)
def test_no_finite_landmarks_fail_and_every_pixel_gets_what_its_part_allows(coarse, landmarks):
    regions = detailed_regions(coarse, landmarks)
    assert regions.shape == coarse.shape
    assert regions.dtype == np.uint8
    skin, beard = regions[coarse == CoarseRegion.SKIN], regions[coarse == CoarseRegion.BEARD]
    assert ((skin >= 1) & (skin <= 9)).all()
    assert (((beard >= 1) & (beard <= 9)) | (beard == Region.NECK)).all()
    assert (regions[coarse == CoarseRegion.FACEWEAR] == IGNORE).all()
    known = ~np.isin(coarse, (CoarseRegion.FACEWEAR, IGNORE))
    assert (regions[known] < len(Region)).all()


@given(faces(), st.sampled_from([CoarseRegion.SKIN, CoarseRegion.BEARD]))
@settings(max_examples=60, deadline=None)
def test_a_mirrored_face_has_mirrored_regions(landmarks, part):
    coarse = np.full((96, 96), part, np.uint8)
    mirrored = (landmarks * (-1, 1) + (95, 0)).astype(np.float32)[MIRRORED_LANDMARKS]
    same = mirror_regions(detailed_regions(coarse, landmarks)) == detailed_regions(coarse, mirrored)
    assert same.mean() > 0.97  # the outlines round to other pixels


def mesh_of(landmarks: np.ndarray) -> np.ndarray:
    """A mesh (468, 2) with the points that matter where the landmarks have them."""
    mesh = np.zeros((468, 2))
    for k, point in mesh_map()(landmarks).items():
        mesh[k] = point + 0.5
    return mesh


@given(faces())
@settings(max_examples=30, deadline=None)
def test_a_mesh_on_its_side_cuts_regions_on_their_side(landmarks):
    skin = np.full((96, 96), CoarseRegion.SKIN, np.uint8)
    mesh = mesh_of(landmarks)
    turned = np.stack([mesh[:, 1], 96 - mesh[:, 0]], axis=1)
    upright, on_its_side = detailed_regions(skin, None, mesh), detailed_regions(skin, None, turned)
    assert (np.rot90(upright) == on_its_side).mean() > 0.97


@given(
    coarse_maps,
    hnp.arrays(np.float64, (468, 2), elements=st.floats(-1e30, 1e30) | st.floats(-100, 100)),
    any_landmarks | st.none(),
)
@settings(max_examples=60, deadline=None)
def test_no_finite_mesh_fails(coarse, mesh, landmarks):
    regions = detailed_regions(coarse, landmarks, mesh)
    skin = regions[coarse == CoarseRegion.SKIN]
    assert ((skin >= 1) & (skin <= 9)).all()


@given(faces(), st.integers(-30, 30), st.integers(-30, 30))
@settings(max_examples=40, deadline=None)
def test_a_moved_face_has_moved_regions(landmarks, dx, dy):
    skin = np.full((96, 96), CoarseRegion.SKIN, np.uint8)
    here, there = detailed_regions(skin, landmarks), detailed_regions(skin, landmarks + np.float32([dx, dy]))
    common = here[max(-dy, 0) : 96 - max(dy, 0), max(-dx, 0) : 96 - max(dx, 0)]
    moved = there[max(dy, 0) : 96 - max(-dy, 0), max(dx, 0) : 96 - max(-dx, 0)]
    assert (common == moved).mean() > 0.97

import numpy as np
import pytest
from adapters import frontal_face

from faceshards.errors import BadSampleError
from faceshards.ops.align import TEMPLATE, five_points
from faceshards.ops.aligned_landmarks import PointModel, estimate_landmarks, mask_features, point_model
from faceshards.records import UInt8Array
from faceshards.regions import CoarseRegion


def test_a_frontal_face_has_its_five_points_near_the_template() -> None:
    points = five_points(estimate_landmarks(frontal_face()))
    assert np.hypot(*(points - TEMPLATE).T).max() < 4


def test_the_landmarks_of_a_mirrored_face_are_mirrored() -> None:
    face = frontal_face()
    face[:, 90:] = CoarseRegion.HAIR
    swap = np.arange(256, dtype=np.uint8)
    swap[[3, 4, 5, 6]] = 4, 3, 6, 5
    points, mirrored = (five_points(estimate_landmarks(f)) for f in (face, swap[face[:, ::-1]]))
    mirrored[:, 0] = 111 - mirrored[:, 0]
    assert np.hypot(*(points - mirrored[[1, 0, 2, 4, 3]]).T).max() < 1


def test_a_nose_to_the_side_turns_the_face() -> None:
    face = frontal_face()
    turned = face.copy()
    turned[turned == CoarseRegion.NOSE] = CoarseRegion.SKIN
    turned[50:75, 60:74] = CoarseRegion.NOSE
    tip, turned_tip = (estimate_landmarks(f)[30] for f in (face, turned))
    assert turned_tip[0] > tip[0] + 4


def test_a_map_without_any_part_gives_the_mean_face() -> None:
    points = estimate_landmarks(np.zeros((112, 112), np.uint8))
    np.testing.assert_allclose(points.ravel(), point_model().point_mean, atol=1e-4)


def test_a_hidden_part_is_left_out_of_the_estimate() -> None:
    face = frontal_face()
    face[face == CoarseRegion.LEFT_EYE] = CoarseRegion.SKIN
    assert np.isnan(mask_features(face)).sum() == 8
    assert np.hypot(*(five_points(estimate_landmarks(face)) - TEMPLATE).T).max() < 4


def test_the_estimate_is_the_conditional_mean_of_a_gaussian() -> None:
    covariance = np.array([[4.0, 1.0], [1.0, 2.0]])
    cross = np.zeros((2, 140))
    cross[:, 0] = 3.0, 1.0
    model = PointModel(np.array([10.0, 20.0]), np.full(140, 5.0), covariance, cross, noise=0.5)
    both = np.linalg.solve(covariance + 0.5 * np.eye(2), [2.0, -1.0]) @ cross[:, 0]
    assert model(np.array([12.0, 19.0]))[0, 0] == pytest.approx(5 + both)
    assert model(np.array([12.0, np.nan]))[0, 0] == pytest.approx(5 + 2.0 / 4.5 * 3.0)


@pytest.mark.parametrize("labels", [np.zeros((100, 112), np.uint8), np.zeros((112, 112), np.int64)])
def test_anything_but_an_aligned_label_map_is_refused(labels: UInt8Array) -> None:
    with pytest.raises(BadSampleError, match=r"expected \(112, 112\) uint8 labels of an aligned face"):
        estimate_landmarks(labels)

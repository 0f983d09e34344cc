from pathlib import Path

import cv2
import numpy as np
import pytest

from faceshards.errors import BadSampleError
from faceshards.ops.align import TEMPLATE, five_points, order_fault, similarity, warp_image, warp_labels
from faceshards.source.facesynthetics import FaceSynthetics


def test_seventy_landmarks_give_pupils_nose_tip_and_mouth_corners() -> None:
    landmarks = np.arange(140, dtype=np.float32).reshape(70, 2)
    assert five_points(landmarks)[:, 0].tolist() == [136, 138, 60, 96, 108]


def test_a_rotated_scaled_shifted_template_is_brought_back_exactly() -> None:
    turn = np.deg2rad(33)
    rotation = 2.7 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = TEMPLATE @ rotation.T + [40, 90]
    back = similarity(points) @ np.c_[points, np.ones(5)].T
    assert np.allclose(back.T, TEMPLATE)


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (np.full((5, 2), 7.0), "degenerate_landmarks"),
        (np.full((5, 2), np.nan), "bad_landmarks"),
        (np.zeros((4, 2)), "bad_landmarks"),
        (TEMPLATE[[0, 1, 4, 3, 2]] * [1, 3], "degenerate_landmarks"),
        (TEMPLATE / 112, "degenerate_landmarks"),
        (TEMPLATE * [-1, 1], "landmark_order"),
        (TEMPLATE[:, ::-1], "landmark_order"),
    ],
    ids=["one spot", "not finite", "four points", "no face", "shares of the size", "mirrored", "y before x"],
)
def test_points_that_fit_no_face_are_refused(points: np.ndarray, reason: str) -> None:
    with pytest.raises(BadSampleError) as error:
        similarity(points)
    assert error.value.reason == reason


EXCHANGED = {"the eyes": [1, 0, 2, 3, 4], "the mouth corners": [0, 1, 2, 4, 3], "right and left": [1, 0, 2, 4, 3]}


@pytest.mark.parametrize("turn", [0, 33, 90, 180, -120])
@pytest.mark.parametrize("what", EXCHANGED)
def test_exchanged_points_are_refused_by_name_whichever_way_the_face_is_turned(what: str, turn: float) -> None:
    angle = np.deg2rad(turn)
    points = 3 * TEMPLATE @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    assert order_fault(points) is None
    with pytest.raises(BadSampleError, match=f"landmark_order: {what} are exchanged; expected right eye, left eye"):
        similarity(points[EXCHANGED[what]])


def test_of_real_frames_every_right_order_passes_and_every_exchange_is_told(frames_zip: Path) -> None:
    source = FaceSynthetics(frames_zip)
    faces = [five_points(source.landmarks(i)) for i in range(len(source))]
    for face in faces:
        similarity(face)
    # In the one full profile the points of right and left lie within 2 pixels at the mouth, and 16 at the eyes.
    may_pass = {"the eyes": 0, "the mouth corners": 0, "right and left": 1}
    for what, order in EXCHANGED.items():
        assert sum(order_fault(face[order]) is None for face in faces) == may_pass[what]


def test_shrinking_averages_instead_of_aliasing() -> None:
    stripes = np.zeros((448, 448, 3), np.uint8)
    stripes[:, ::2] = 255
    aligned = warp_image(stripes, similarity(TEMPLATE * 4 + 1.5))
    inner = aligned[8:-8, 8:-8].astype(float)
    assert abs(inner.mean() - 127.5) < 2
    assert inner.std() < 3


def test_a_face_of_the_right_size_keeps_its_pixels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (112, 112, 3), np.uint8)
    assert np.abs(warp_image(image, similarity(TEMPLATE)).astype(int) - image).max() <= 1


def test_image_and_labels_move_together() -> None:
    labels = np.zeros((512, 512), np.uint8)
    cv2.circle(labels, (260, 240), 60, 7, -1)
    image = np.repeat((labels == 7)[..., None] * np.uint8(255), 3, axis=2)
    matrix = similarity(TEMPLATE * 3.3 + [70, 60])
    agree = (warp_image(image, matrix)[..., 0] > 127) == (warp_labels(labels, matrix) == 7)
    assert agree.mean() > 0.995


def test_what_lies_outside_the_source_is_black_and_ignored() -> None:
    matrix = similarity(TEMPLATE - (30, 0))
    assert (warp_labels(np.zeros((112, 112), np.uint8), matrix)[:, :29] == 255).all()
    assert (warp_image(np.full((112, 112, 3), 9, np.uint8), matrix)[:, :29] == 0).all()


def test_a_face_mostly_outside_its_image_is_refused() -> None:
    with pytest.raises(BadSampleError, match="face_outside_image"):
        warp_image(np.zeros((60, 60, 3), np.uint8), similarity(TEMPLATE + 40))


def test_points_of_a_detector_are_not_taken_for_exchanged_ones_where_a_profile_hides_the_order() -> None:
    profile = np.array([[50.0, 50.0], [49.5, 50.0], [75.0, 70.0], [55.0, 90.0], [60.0, 90.0]])
    with pytest.raises(BadSampleError, match="landmark_order"):
        similarity(profile)
    assert similarity(profile, ordered=True).shape == (2, 3)

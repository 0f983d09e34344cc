"""How an image is aligned: landmarks first, then its size, then a detector; and what it says where it had to choose."""

import cv2
import numpy as np
import pytest

from faceshards.errors import BadSampleError, ParamsError
from faceshards.ops.align import TEMPLATE, similarity
from faceshards.source import detect
from faceshards.source.alignment import Aligner
from faceshards.source.decode import decode_image
from faceshards.source.facesynthetics import FaceSynthetics

ALIGNED = np.full((112, 112, 3), 127, np.uint8)
POINTS = (TEMPLATE * 2 + 7).astype(np.float32)


@pytest.fixture(scope="module")
def frame(frames_zip):
    source = FaceSynthetics(frames_zip)
    return decode_image(source.image_bytes(1), "frame 1"), source.landmarks(1)


@pytest.mark.parametrize("name", ["auto", "none", "mesh"])
@pytest.mark.parametrize("size", [112, 300])
def test_landmarks_decide_whatever_the_detector_and_the_size(name, size):
    alignment = Aligner(name)(np.zeros((size, size, 3), np.uint8), POINTS)
    np.testing.assert_array_equal(alignment.matrix, similarity(POINTS))
    assert alignment.remark is None


@pytest.mark.parametrize("name", ["auto", "none"])
def test_an_image_of_112_pixels_without_landmarks_is_taken_as_it_is(name):
    alignment = Aligner(name)(ALIGNED, None)
    assert alignment.matrix is None
    assert alignment.apply(ALIGNED) is ALIGNED


def test_a_detector_that_was_named_looks_at_images_of_112_pixels_too(frame):
    image, _ = frame
    with pytest.raises(BadSampleError, match="no face in the image of 112x112 pixels"):
        Aligner("mesh")(ALIGNED, None)
    small = cv2.resize(image, (112, 112), interpolation=cv2.INTER_AREA)
    assert Aligner("mesh")(small, None).matrix is not None


def test_without_a_detector_the_reason_names_the_ways_out():
    with pytest.raises(BadSampleError, match=r"300x200 pixels.*align.detector.*source.landmarks") as error:
        Aligner("none")(np.zeros((200, 300, 3), np.uint8), None)
    assert error.value.reason == "no_landmarks"


def test_a_picture_without_a_face_has_a_reason():
    with pytest.raises(BadSampleError, match=r"no_face_found: .*300x200 pixels"):
        Aligner()(np.zeros((200, 300, 3), np.uint8), None)


def test_the_face_of_a_photograph_is_aligned_where_its_landmarks_would_align_it(frame):
    image, landmarks = frame
    alignment = Aligner()(image, None)
    by_truth = similarity(landmarks)
    corners = np.array([[0, 0, 1], [511, 0, 1], [0, 511, 1], [511, 511, 1]])
    assert np.abs(corners @ (alignment.matrix - by_truth).T).max() < 8  # of 112 pixels, at the frame's far corners
    assert alignment.apply(image).shape == (112, 112, 3)
    assert alignment.remark is None


def test_of_several_faces_the_largest_is_taken_and_told(frame):
    image, _ = frame
    both = np.concatenate([cv2.resize(image, (400, 400), interpolation=cv2.INTER_AREA), image[56:456, 40:440]], axis=1)
    alignment = Aligner()(both, None)
    assert alignment.remark == "several_faces: the largest of 2 faces in the image was taken"
    border = alignment.matrix[:, :2] @ [400, 0] + alignment.matrix[:, 2]
    assert border[0] < 56  # the border between the pictures lies to the left of the face


@pytest.mark.parametrize("name", ["dlib", "yunet"])
def test_what_other_detectors_find_is_told_in_the_same_words(monkeypatch, tmp_path, name):
    monkeypatch.setattr(detect, "DlibDetector", lambda: lambda image: detect.FoundFace(POINTS, 3))
    monkeypatch.setattr(detect, "YuNetDetector", lambda model: lambda image: detect.FoundFace(POINTS, 3))
    aligner = Aligner(name, tmp_path / "x.onnx" if name == "yunet" else None)
    assert aligner(ALIGNED, None).remark == "several_faces: the largest of 3 faces in the image was taken"


def test_an_unknown_name_and_a_model_that_nobody_takes_are_refused(tmp_path):
    with pytest.raises(ParamsError, match="mesh, dlib, yunet"):
        Aligner("retinaface")
    with pytest.raises(ParamsError, match="brings its own model"):
        Aligner("auto", tmp_path / "x.onnx")
    with pytest.raises(ParamsError, match=r"'none' looks for no face; leave out .*x\.onnx"):
        Aligner("none", tmp_path / "x.onnx")


@pytest.mark.parametrize(("degrees", "scale"), [(0, 1.0), (20, 2.0), (-35, 0.5), (170, 3.0)])
def test_the_size_and_the_tilt_of_a_face_are_those_of_its_points(degrees, scale):
    clockwise = np.deg2rad(degrees)
    turn = np.array([[np.cos(clockwise), -np.sin(clockwise)], [np.sin(clockwise), np.cos(clockwise)]])
    points = (POINTS @ turn.T * scale).astype(np.float32)
    straight = Aligner("none")(np.zeros((300, 300, 3), np.uint8), POINTS).size_and_roll()
    size, roll = Aligner("none")(np.zeros((300, 300, 3), np.uint8), points).size_and_roll()
    assert size == pytest.approx(straight[0] * scale, rel=1e-3)
    assert roll == pytest.approx(straight[1] + degrees, abs=0.02)


def test_an_aligned_image_has_the_size_of_the_template_and_no_tilt():
    assert Aligner("none")(ALIGNED, None).size_and_roll() == (112.0, 0.0)

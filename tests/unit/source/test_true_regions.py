"""Ground truth as regions: by the image's own mesh, by landmarks, or not at all."""

import cv2
import numpy as np
import pytest

from faceshards.errors import BadSampleError
from faceshards.ops.labels import detailed_regions, merge_to_coarse
from faceshards.records import Truth
from faceshards.source.decode import decode_image
from faceshards.source.demo import render_face
from faceshards.source.facesynthetics import FaceSynthetics
from faceshards.source.trueregions import true_regions


@pytest.fixture(scope="module")
def frame(frames_zip):
    source = FaceSynthetics(frames_zip)
    return decode_image(source.image_bytes(1), "frame 1"), source.truth(1), source.landmarks(1)


def test_a_face_without_truth_has_no_regions(frame):
    image, _, landmarks = frame
    assert true_regions(None, landmarks, image) is None


def test_regions_that_are_the_truth_stay_as_they_are():
    labels = np.arange(25, dtype=np.uint8).reshape(5, 5)
    assert true_regions(Truth(labels, "regions25"), None, np.zeros((5, 5, 3), np.uint8)) is labels


def test_labels_of_another_size_than_the_image_are_refused(frame):
    image, truth, landmarks = frame
    with pytest.raises(BadSampleError, match=r"truth_of_other_size: expected labels of \(512, 512\)"):
        true_regions(Truth(truth.labels[:-1], truth.scheme), landmarks, image)


def test_the_mesh_cuts_with_landmarks_and_without(frame):
    image, truth, landmarks = frame
    with_them, without = true_regions(truth, landmarks, image), true_regions(truth, None, image)
    by_five = true_regions(truth, landmarks[[68, 69, 30, 48, 54]], image)
    np.testing.assert_array_equal(with_them, without)
    np.testing.assert_array_equal(with_them, by_five)
    assert (with_them != detailed_regions(truth.labels, landmarks)).any()
    assert (merge_to_coarse(with_them)[truth.labels < 14] == truth.labels[truth.labels < 14]).all()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_face_on_its_side_or_upside_down_is_cut_as_the_upright_one(frame, turns):
    image, truth, _ = frame
    upright = true_regions(truth, None, image)
    turned = np.ascontiguousarray(np.rot90(truth.labels, turns))
    regions = true_regions(Truth(turned, truth.scheme), None, np.ascontiguousarray(np.rot90(image, turns)))
    skin = truth.labels == 1
    assert (np.rot90(regions, -turns) == upright)[skin].mean() > 0.85


@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_without_landmarks_the_face_that_is_labelled_is_cut_and_never_by_a_bystander_s_mesh(frame, scale):
    image, truth, _ = frame
    size = round(512 * scale)
    small = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    labels = cv2.resize(truth.labels, (size, size), interpolation=cv2.INTER_NEAREST_EXACT)
    beside = np.zeros((512, 512 + size, 3), np.uint8)
    beside[:, :512], beside[:size, 512:] = image, small
    around = np.zeros(beside.shape[:2], np.uint8)
    around[:size, 512:] = labels
    both, alone = true_regions(Truth(around, truth.scheme), None, beside), true_regions(truth, None, image)
    alone = cv2.resize(alone, (size, size), interpolation=cv2.INTER_NEAREST_EXACT)
    assert (both[:size, 512:] == alone)[labels == 1].mean() > 0.85
    beside[:, 512:] = 0
    with pytest.raises(BadSampleError, match="truth_without_mesh: no face mesh of the image lies on"):
        true_regions(Truth(around, truth.scheme), None, beside)


def test_a_picture_without_a_face_is_cut_by_its_landmarks_or_not_at_all(frame):
    image, truth, landmarks = frame
    empty = np.zeros_like(image)
    np.testing.assert_array_equal(true_regions(truth, landmarks, empty), detailed_regions(truth.labels, landmarks))
    with pytest.raises(BadSampleError, match="truth_without_mesh"):
        true_regions(truth, None, empty)


def test_of_two_faces_the_mesh_that_lies_on_the_landmarks_cuts(frame):
    image, truth, landmarks = frame
    beside = np.concatenate([image, image], axis=1)
    labels = np.concatenate([truth.labels, np.zeros_like(truth.labels)], axis=1)
    both = true_regions(Truth(labels, truth.scheme), landmarks, beside)
    alone = true_regions(truth, landmarks, image)
    assert (both[:, :512] == alone).mean() > 0.99


def test_landmarks_that_are_not_finite_are_refused(frame):
    image, truth, landmarks = frame
    with pytest.raises(BadSampleError, match="not a finite number"):
        true_regions(truth, landmarks * np.float32(np.nan), image)


def test_a_rendered_face_keeps_its_regions_whatever_the_mesh_sees_in_it():
    face = render_face(0, 0, 0, 256)
    regions = true_regions(Truth(face.labels, "facesynthetics"), face.landmarks, face.image)
    by_map = detailed_regions(face.labels, face.landmarks)
    assert (regions == by_map).mean() > 0.9


def test_the_image_of_a_turned_head_gives_turned_regions(frame):
    image, truth, landmarks = frame
    matrix = cv2.getRotationMatrix2D((255.5, 255.5), 15, 1.0)
    turn = lambda pixels, how: cv2.warpAffine(pixels, matrix, (512, 512), flags=how)  # noqa: E731
    points = (landmarks @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    here = turn(true_regions(truth, landmarks, image), cv2.INTER_NEAREST)
    labels = turn(truth.labels, cv2.INTER_NEAREST)
    there = true_regions(Truth(labels, truth.scheme), points, turn(image, cv2.INTER_LINEAR))
    skin = (labels == 1) & (here > 0)
    assert (here == there)[skin].mean() > 0.96

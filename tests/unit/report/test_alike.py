"""Which faces are found to be one picture, or nearly."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from faceshards.ops.perceptual import hamming, likeness, perceptual_hashes
from faceshards.report.similar import DISTANCE, find_alike
from faceshards.source.demo import render_face


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    """Six rendered faces in grey, each of another person."""
    shown = [cv2.resize(render_face(0, person, 0, 128).image, (112, 112)) for person in range(6)]
    return np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in shown])


def small(grey: np.ndarray) -> np.ndarray:
    return np.stack([cv2.resize(one, (16, 16), interpolation=cv2.INTER_AREA) for one in grey])


def sets_of(grey: np.ndarray) -> list[tuple[list[int], bool]]:
    exact = np.array([hash(one.tobytes()) & 0xFFFF_FFFF for one in grey], np.uint64)
    found = find_alike(exact, perceptual_hashes(grey), small(grey))
    return [(alike.faces.tolist(), alike.exact) for alike in found]


def test_different_faces_are_no_duplicates(faces: np.ndarray) -> None:
    assert sets_of(faces) == []


def test_the_same_pixels_are_an_exact_set(faces: np.ndarray) -> None:
    assert sets_of(faces[[0, 1, 2, 1, 0, 1]]) == [([0, 4], True), ([1, 3, 5], True)]


def saved_anew(grey: np.ndarray) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_GRAYSCALE)


def darker(grey: np.ndarray) -> np.ndarray:
    return grey // 2


@pytest.mark.parametrize("changed", [saved_anew, darker, lambda grey: cv2.blur(grey, (3, 3))])
def test_a_picture_saved_anew_made_darker_or_blurred_is_nearly_the_same(faces: np.ndarray, changed: object) -> None:
    assert sets_of(np.concatenate([faces, changed(faces[2])[None]])) == [([2, 6], False)]


def test_a_mirror_image_is_no_duplicate(faces: np.ndarray) -> None:
    assert sets_of(np.stack([faces[0], faces[0][:, ::-1]])) == []


def test_a_face_that_two_others_are_near_to_links_them(faces: np.ndarray) -> None:
    chain = np.stack([faces[0], faces[0], saved_anew(faces[0])])
    assert sets_of(chain) == [([0, 1, 2], False)]


def test_flat_pictures_are_duplicates_only_if_their_pixels_are_the_same() -> None:
    flat = np.stack([np.full((112, 112), value, np.uint8) for value in (9, 9, 10)])
    assert sets_of(flat) == [([0, 1], True)]


@settings(max_examples=15)
@given(arrays.arrays(np.uint64, st.integers(0, 60), elements=st.integers(0, 2**64 - 1)), st.integers(0, 2**32))
def test_all_pairs_within_the_distance_are_found(hashes: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    flips = rng.integers(0, 64, (len(hashes), DISTANCE))
    near = hashes.copy()
    for flip in flips.T:
        near ^= np.uint64(1) << flip.astype(np.uint64)
    both = np.concatenate([hashes, near])
    same_picture = np.broadcast_to(rng.integers(0, 256, (16, 16), dtype=np.uint8), (len(both), 16, 16))
    set_of = np.arange(len(both))
    for number, alike in enumerate(find_alike(np.arange(len(both), dtype=np.uint64), both, same_picture)):
        set_of[alike.faces] = len(both) + number
    close = hamming(both[:, None], both[None]) <= DISTANCE
    assert (set_of[:, None] == set_of[None])[close].all()


def test_hashes_far_apart_and_pictures_unlike_are_kept_apart() -> None:
    rng = np.random.default_rng(0)
    unlike = rng.integers(0, 256, (50, 16, 16), dtype=np.uint8)
    assert find_alike(np.arange(50, dtype=np.uint64), np.zeros(50, np.uint64), unlike) == ()


def test_no_faces_have_no_duplicates() -> None:
    none = np.empty(0, np.uint64)
    assert find_alike(none, none, np.empty((0, 16, 16), np.uint8)) == ()


def test_the_hash_is_the_published_one(faces: np.ndarray) -> None:
    reduced = cv2.resize(faces[0].astype(np.float32), (32, 32), interpolation=cv2.INTER_AREA)
    lowest = cv2.dct(reduced)[:8, :8]
    scale = np.where(np.arange(8) == 0, np.sqrt(2), 1)  # OpenCV's transform is orthonormal
    lowest = lowest * scale[:, None] * scale
    bits = (lowest > np.median(lowest)).ravel()
    assert hamming(perceptual_hashes(faces[:1]), np.packbits(bits).view(">u8").astype(np.uint64))[0] == 0


def test_likeness_is_the_correlation(faces: np.ndarray) -> None:
    expected = [np.corrcoef(faces[0].ravel(), face.ravel())[0, 1] for face in faces]
    np.testing.assert_allclose(likeness(faces, faces[:1]), expected, atol=1e-9)

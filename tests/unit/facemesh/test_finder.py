"""The face mesh: found whichever way a face lies, laid where the true landmarks are, and the same with any threads."""

import hashlib
import os
import pickle
import subprocess
import sys
import threading
from importlib import resources

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceshards.errors import BadSampleError
from faceshards.facemesh.finder import FaceMesh, face_mesh
from faceshards.source.decode import decode_image
from faceshards.source.facesynthetics import FaceSynthetics

# Eye corners, nose bridge and tip, mouth corners, chin: of the mesh, and of the 70 landmarks.
MESH_POINTS = [33, 133, 362, 263, 168, 4, 61, 291, 152]
LANDMARKS = [36, 39, 42, 45, 27, 30, 48, 54, 8]


@pytest.fixture(scope="module")
def frame(frames_zip):
    """A frontal frame with its landmarks."""
    source = FaceSynthetics(frames_zip)
    return decode_image(source.image_bytes(1), "frame 1"), source.landmarks(1)


def width_between(points):
    return float(np.hypot(*(points[263] - points[33])))


def test_the_networks_are_those_that_the_notice_names():
    folder = resources.files("faceshards.facemesh")
    notice = folder.joinpath("NOTICE").read_text()
    networks = [file for file in folder.iterdir() if file.name.endswith(".tflite")]
    assert len(networks) == 2
    for file in networks:
        assert f"{file.name}\n  SHA-256  {hashlib.sha256(file.read_bytes()).hexdigest()}\n" in notice
    assert "Apache License" in folder.joinpath("LICENSE").read_text()


def test_points_lie_where_the_true_landmarks_do(frames_zip):
    source = FaceSynthetics(frames_zip)
    found, errors = 0, []
    for i in range(0, len(source), 3):
        faces = face_mesh().find(decode_image(source.image_bytes(i), "x"))
        found += len(faces) == 1
        if faces:
            assert faces[0].points.shape == (468, 2)
            assert faces[0].presence >= 0.5
            errors.append(np.hypot(*(faces[0].points[MESH_POINTS] - source.landmarks(i)[LANDMARKS]).T).mean())
    assert found >= 23
    assert np.median(errors) < 6.0  # pixels of 512


def test_an_image_at_the_edge_of_what_there_may_be_has_no_face_and_raises_nothing():
    for shape in ((1, 1), (3, 3), (1, 500), (500, 1), (40000, 3), (3, 40000)):
        assert face_mesh().find(np.full((*shape, 3), 127, np.uint8)) == []


@pytest.mark.parametrize(
    "image",
    [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3)), np.zeros((0, 8, 3), np.uint8)],
)
def test_what_is_no_rgb_image_is_refused(image):
    with pytest.raises(BadSampleError, match=r"expected \(H, W, 3\) uint8 RGB"):
        face_mesh().find(image)
    with pytest.raises(BadSampleError, match=r"expected \(H, W, 3\) uint8 RGB"):
        face_mesh().look(image)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_face_on_its_side_or_upside_down_has_the_mesh_of_the_upright_one(frame, quarters):
    image, _ = frame
    upright = face_mesh().find(image)[0].points
    turned = face_mesh().find(np.ascontiguousarray(np.rot90(image, quarters)))[0].points
    last = len(image) - 1  # the frames are square
    for _ in range(quarters):
        turned = np.stack([last - turned[:, 1], turned[:, 0]], axis=1)
    assert np.hypot(*(turned - upright).T).mean() < 0.03 * width_between(upright)


@pytest.mark.parametrize(("number", "quarters"), [(5, 3), (10, 1), (41, 3), (49, 1)])
def test_a_mesh_that_the_network_turns_step_by_step_is_laid_until_it_turns_no_further(frames_zip, number, quarters):
    image = decode_image(FaceSynthetics(frames_zip).image_bytes(number), "x")
    upright = face_mesh().find(image)[0].points
    turned = face_mesh().find(np.ascontiguousarray(np.rot90(image, quarters)))[0].points
    for _ in range(quarters):
        turned = np.stack([511 - turned[:, 1], turned[:, 0]], axis=1)
    assert np.hypot(*(turned - upright)[MESH_POINTS].T).max() < 0.3 * width_between(upright)


@settings(max_examples=10)
@given(st.integers(-180, 180), st.sampled_from([0.5, 0.8, 1.1]))
def test_a_face_turned_by_any_angle_is_found_the_right_way_up(frame, degrees, scale):
    image, _ = frame
    upright = face_mesh().find(image)[0].points
    matrix = cv2.getRotationMatrix2D((255.5, 255.5), degrees, scale)
    faces = face_mesh().find(cv2.warpAffine(image, matrix, (512, 512)))
    expected = upright @ matrix[:, :2].T + matrix[:, 2]
    assert np.hypot(*(faces[0].points - expected).T).mean() < 0.12 * scale * width_between(upright)


def test_a_mirrored_face_has_the_mirrored_mesh(frame):
    image, _ = frame
    plain, mirrored = (
        face_mesh().find(image)[0].points,
        face_mesh().find(np.ascontiguousarray(image[:, ::-1]))[0].points,
    )
    for here, there in ((33, 263), (61, 291), (4, 4), (152, 152)):
        expected = [511 - plain[here, 0], plain[here, 1]]
        assert np.hypot(*(mirrored[there] - expected)) < 0.06 * width_between(plain)


@pytest.mark.parametrize(("size", "edge"), [(2000, 250), (700, 60), (5000, 900)])
def test_a_small_face_in_a_large_picture_is_found(frame, size, edge):
    image, _ = frame
    canvas = np.full((size * 3 // 4, size, 3), 90, np.uint8)
    x, y = size * 5 // 8, size // 3
    canvas[y : y + edge, x : x + edge] = cv2.resize(image, (edge, edge), interpolation=cv2.INTER_AREA)
    upright = face_mesh().find(image)[0].points * edge / 512 + [x, y]
    found = face_mesh().find(canvas)
    assert len(found) == 1
    assert np.hypot(*(found[0].points - upright).T).mean() < 0.12 * width_between(upright)


def test_a_face_that_fills_the_picture_to_its_edges_is_found(frame):
    image, landmarks = frame
    (left, top), (right, bottom) = landmarks.min(axis=0).astype(int), landmarks.max(axis=0).astype(int)
    upright = face_mesh().find(image)[0].points - [left, top]
    found = face_mesh().find(np.ascontiguousarray(image[top:bottom, left:right]))
    assert np.hypot(*(found[0].points - upright).T).mean() < 0.1 * width_between(upright)


def test_the_largest_of_several_faces_comes_first(frame):
    image, _ = frame
    canvas = np.full((512, 1024, 3), 90, np.uint8)
    canvas[:, 512:] = image
    canvas[30:470, 30:470] = cv2.resize(image, (440, 440), interpolation=cv2.INTER_AREA)
    faces = face_mesh().find(canvas)
    assert len(faces) == 2
    assert faces[0].points[4, 0] > 512 > faces[1].points[4, 0]
    assert faces[0].area > faces[1].area


def test_a_large_photograph_needs_little_memory_beyond_its_own(frame):
    image, _ = frame
    tracemalloc = pytest.importorskip("tracemalloc")
    photograph = cv2.resize(image, (7000, 7000), interpolation=cv2.INTER_LINEAR)  # 49 megapixels, 147 MB
    upright = face_mesh().find(image)[0].points
    tracemalloc.start()
    found = face_mesh().find(photograph)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    expected = (upright + 0.5) * 7000 / 512 - 0.5
    assert np.hypot(*(found[0].points - expected).T).mean() < 0.03 * width_between(expected)
    assert peak < 100e6


PROGRAM = """
import pickle, sys
import cv2
from faceshards.facemesh.finder import FaceMesh
cv2.setNumThreads(int(sys.argv[1]))
images = pickle.load(sys.stdin.buffer)
sys.stdout.buffer.write(pickle.dumps([[face.points.tobytes() for face in FaceMesh().find(i)] for i in images]))
"""


def test_the_points_are_the_same_to_the_bit_with_any_number_of_threads(frame):
    image, _ = frame
    images = pickle.dumps([image, np.ascontiguousarray(image[::-1, ::-1])])
    answers = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM, str(threads)], input=images, capture_output=True, check=True, env=os.environ
        ).stdout
        for threads in (0, 1, 2, 7)
    }
    assert len(answers) == 1
    assert len(pickle.loads(answers.pop())[0]) == 1  # noqa: S301 - our own process wrote it


def test_threads_that_share_a_mesh_get_what_each_would_get_alone(frame):
    image, _ = frame
    mesh, alone, got = FaceMesh(), {}, {}
    pictures = {k: np.ascontiguousarray(np.roll(image, 9 * k, axis=1)) for k in range(4)}
    for k, picture in pictures.items():
        alone[k] = mesh.look(picture)[0].points
    threads = [threading.Thread(target=lambda k=k: got.update({k: mesh.look(pictures[k])[0].points})) for k in pictures]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in pictures:
        np.testing.assert_array_equal(got[k], alone[k])

"""Detectors: five points in our order, of the largest face; the extras they need; how near they come to real truth."""

import sys

import cv2
import numpy as np
import pytest

from faceshards.errors import MissingExtraError, ParamsError, WeightsError, WeightsNotFoundError
from faceshards.source.decode import decode_image
from faceshards.source.detect import YuNetDetector, load_detector
from faceshards.source.facesynthetics import FaceSynthetics

FIVE_OF_SEVENTY = [68, 69, 30, 48, 54]


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(MissingExtraError, match=r"faceshards\[dlib\]"):
        load_detector("dlib")


def test_dlib_without_its_models_names_the_extra(monkeypatch):
    pytest.importorskip("dlib", reason="the extra 'dlib' is not installed")
    monkeypatch.setattr("faceshards.source.detect.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="face_recognition_models"):
        load_detector("dlib")


def test_names_and_model_files_are_checked(tmp_path):
    with pytest.raises(ParamsError, match="mesh, dlib, yunet"):
        load_detector("retinaface")
    with pytest.raises(ParamsError, match="needs its ONNX file"):
        load_detector("yunet")
    with pytest.raises(ParamsError, match="brings its own model"):
        load_detector("dlib", tmp_path / "x.onnx")
    with pytest.raises(ParamsError, match="brings its own model"):
        load_detector("mesh", tmp_path / "x.onnx")
    with pytest.raises(WeightsNotFoundError, match=r"x\.onnx"):
        load_detector("yunet", tmp_path / "x.onnx")
    (tmp_path / "x.onnx").write_bytes(b"no network")
    with pytest.raises(WeightsError, match=r"x\.onnx"):
        load_detector("yunet", tmp_path / "x.onnx")


class FakeYuNet:
    """Answers as `cv2.FaceDetectorYN` documents: rows of box, five points, score."""

    def __init__(self, faces):
        self.faces = faces

    def setInputSize(self, size):
        self.size = size

    def detect(self, image):
        assert self.size == image.shape[1::-1]
        self.seen = image
        return 1, self.faces


@pytest.fixture
def yunet(tmp_path, monkeypatch):
    def build(faces):
        fake = FakeYuNet(faces)
        monkeypatch.setattr(cv2.FaceDetectorYN, "create", lambda *args: fake)
        (tmp_path / "yunet.onnx").touch()
        return YuNetDetector(tmp_path / "yunet.onnx"), fake

    return build


def test_yunet_gives_the_points_of_the_largest_face(yunet):
    small = [0, 0, 10, 10, *range(10), 0.99]
    large = [5, 5, 90, 80, *range(100, 110), 0.95]
    detector, fake = yunet(np.array([small, large], np.float32))
    image = np.zeros((60, 80, 3), np.uint8)
    image[..., 0] = 255
    found = detector(image)
    np.testing.assert_array_equal(found.points, np.arange(100, 110, dtype=np.float32).reshape(5, 2))
    assert found.points.dtype == np.float32
    assert found.faces == 2
    assert fake.seen[0, 0].tolist() == [0, 0, 255]  # OpenCV wants BGR


def test_yunet_without_a_face_gives_none(yunet):
    detector, _ = yunet(None)
    assert detector(np.zeros((60, 80, 3), np.uint8)) is None


@pytest.mark.parametrize(("name", "least_found", "median_px"), [("mesh", 14, 5.0), ("dlib", 8, 5.0)])
def test_real_frames_are_found_where_the_truth_has_them(frames_zip, name, least_found, median_px):
    if name == "dlib":
        pytest.importorskip("dlib", reason="the extra 'dlib' is not installed")
    detector = load_detector(name)
    source = FaceSynthetics(frames_zip)
    errors = []
    for i in range(0, len(source), 5):
        found = detector(decode_image(source.image_bytes(i), "x"))
        if found is not None:
            assert found.points.shape == (5, 2)
            assert found.points.dtype == np.float32
            assert found.faces == 1
            errors.append(np.linalg.norm(found.points - source.landmarks(i)[FIVE_OF_SEVENTY], axis=1).mean())
    assert len(errors) >= least_found
    assert np.median(errors) < median_px
    assert detector(np.full((128, 128, 3), 127, np.uint8)) is None

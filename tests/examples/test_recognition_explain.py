"""dlib's net explained: the pipeline around it with a stand-in, and the net itself where it is installed."""

import csv
import sys

import cv2
import numpy as np
import pytest

from examples.recognition import explain_dlib
from examples.recognition.compare import open_folds
from faceshards.errors import MissingExtraError
from faceshards.regions import REGION_NAMES


class MeanColour:
    """An embedding that one can check by hand: 128 times the mean of the red channel."""

    def __call__(self, faces):
        return np.repeat(np.asarray(faces, np.float64)[..., 0].mean(axis=(1, 2))[:, None], 128, axis=1)


@pytest.fixture
def explained(small_run, tmp_path, monkeypatch):
    monkeypatch.setattr(explain_dlib, "DlibNet", MeanColour)
    monkeypatch.setattr(sys, "argv", ["explain_dlib", str(small_run / "shards"), str(tmp_path / "out")])
    explain_dlib.main()
    return tmp_path / "out"


def test_a_regions_score_is_how_much_farther_the_face_is_without_it(small_run, explained):
    with (explained / "regions.csv").open() as file:
        found = {row["region"]: row for row in csv.DictReader(file)}
    faces = [fold[i] for fold in open_folds(small_run / "shards").values() for i in range(len(fold))]
    nose, drops = REGION_NAMES.index("nose"), []
    for person in sorted({face["identity"] for face in faces}):
        face, other = (face for face in faces if face["identity"] == person)
        red, reference = face["image"][..., 0].astype(float), other["image"][..., 0].mean()
        erased = np.where(face["region"] == nose, 127.5, red)
        drops.append((abs(erased.mean() - reference) - abs(red.mean() - reference)) * 128**0.5)
    assert float(found["nose"]["erase_median"]) == pytest.approx(np.median(drops), abs=2e-3)
    assert int(found["nose"]["faces"]) == 5


def test_pictures_show_faces_regions_and_both_modes(explained):
    picture = cv2.imread(str(explained / "faces.jpg"))
    assert picture.shape == (4 * 112, 5 * 112, 3)
    assert "nose" in (explained / "regions.svg").read_text()


def test_a_missing_dlib_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(MissingExtraError, match=r"faceshards\[dlib\]"):
        explain_dlib.DlibNet()


def test_dlibs_net_gives_128_numbers_a_face_and_the_same_for_the_same(small_run):
    pytest.importorskip("dlib", reason="the extra 'dlib' is not installed")
    faces = open_folds(small_run / "shards")["train"][:2]["image"]
    net = explain_dlib.DlibNet()
    embeddings = net(faces[[0, 1, 0]])
    assert embeddings.shape == (3, 128)
    np.testing.assert_allclose(embeddings[0], embeddings[2], atol=1e-5)
    assert np.linalg.norm(embeddings[0] - embeddings[1]) > 0.01

"""CelebA's files as a folder of people."""

import cv2
import numpy as np
import pytest

from examples.recognition.celeba import link_celeba
from faceshards.errors import SourceFormatError, SourceNotFoundError
from faceshards.source.open import open_source

POINTS = "69 109 106 113 77 142 73 152 108 154"


@pytest.fixture
def celeba(tmp_path):
    """Three images of two people, as CelebA lays them out."""
    folder = tmp_path / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    for i in (1, 2, 3):
        cv2.imwrite(str(folder / f"img_align_celeba/00000{i}.jpg"), np.full((218, 178, 3), i, np.uint8))
    (folder / "identity_CelebA.txt").write_text("000001.jpg 2880\n000002.jpg 2937\n000003.jpg 2880\n")
    names = "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y"
    rows = "".join(f"00000{i}.jpg  {POINTS}\n" for i in (1, 2, 3))
    (folder / "list_landmarks_align_celeba.txt").write_text(f"3\n{names}\n{rows}")
    return folder


def test_people_and_points_are_those_of_the_tables(celeba, tmp_path):
    out = tmp_path / "out"
    link_celeba(celeba, out)
    link_celeba(celeba, out)  # again does no harm
    source = open_source(out / "people", landmarks=out / "landmarks.csv")
    faces = [source.face(i) for i in range(len(source))]
    assert [(face.sample_id, face.identity) for face in faces] == [
        ("2880/000001", "2880"),
        ("2880/000003", "2880"),
        ("2937/000002", "2937"),
    ]
    np.testing.assert_array_equal(source.landmarks(0), np.array(POINTS.split(), float).reshape(5, 2))
    assert source.image_bytes(2) == (celeba / "img_align_celeba/000002.jpg").read_bytes()


def test_wrong_and_missing_files_are_named(celeba, tmp_path):
    table = celeba / "identity_CelebA.txt"
    for text in ("../x.jpg 1\n", "000001.jpg ../1\n", "000001.jpg\n", "\n"):
        table.write_text(text)
        with pytest.raises(SourceFormatError, match="line 1"):
            link_celeba(celeba, tmp_path / "out")
    table.write_text("000009.jpg 1\n")
    with pytest.raises(SourceFormatError, match=r"none of 000009\.jpg"):
        link_celeba(celeba, tmp_path / "out")
    table.unlink()
    with pytest.raises(SourceNotFoundError, match="identity_CelebA"):
        link_celeba(celeba, tmp_path / "out")

"""A CSV table of landmarks goes before the source's own."""

import numpy as np
import pytest
from frame_files import frames, landmarks, write_folder, write_zip

from faceshards.errors import SourceFormatError, SourceNotFoundError
from faceshards.source.facesynthetics import FaceSynthetics
from faceshards.source.imagefolder import ImageFolder
from faceshards.source.landmarks import FIVE_POINTS, SEVENTY_POINTS, WithLandmarks, read_landmarks

FIVE = np.arange(10, dtype=np.float32).reshape(5, 2) + 0.5


def table(path, rows, columns=FIVE_POINTS):
    lines = [
        ",".join(("sample_id", *columns)),
        *(f"{name},{','.join(map(str, points.ravel()))}" for name, points in rows),
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_default_table_of_the_project_is_empty(root):
    assert read_landmarks(root / "manifests" / "landmarks.csv") == {}


def test_five_points_are_added_to_images_that_have_none(tmp_path):
    source = ImageFolder(write_folder(tmp_path / "f", {"p/1.png": b"", "p/2.png": b""}))
    pointed = WithLandmarks(source, table(tmp_path / "l.csv", [("p/2", FIVE), ("q/9", FIVE)]))
    assert pointed.landmarks(0) is None
    np.testing.assert_array_equal(pointed.landmarks(1), FIVE)
    assert pointed.landmarks(1).dtype == np.float32


def test_seventy_points_go_before_the_source_s_own(tmp_path):
    source = FaceSynthetics(write_zip(tmp_path / "x.zip", frames()))
    pointed = WithLandmarks(source, table(tmp_path / "l.csv", [("000001", landmarks(9))], SEVENTY_POINTS))
    np.testing.assert_array_equal(pointed.landmarks(1), landmarks(9))
    np.testing.assert_array_equal(pointed.landmarks(0), source.landmarks(0))
    np.testing.assert_array_equal(pointed.truth(0).labels, source.truth(0).labels)


def test_the_columns_may_stand_in_any_order(tmp_path):
    back = tuple(reversed(FIVE_POINTS))
    points = read_landmarks(table(tmp_path / "l.csv", [("a", FIVE.ravel()[::-1])], back))
    np.testing.assert_array_equal(points["a"], FIVE)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "found nothing"),
        ("sample_id,x1,y1\n", "columns sample_id,x1,y1,x2"),
        (",".join(("sample_id", *FIVE_POINTS, "x6", "y6")) + "\n", "found also x6, y6"),
        (",".join(("sample_id", *FIVE_POINTS)) + "\na,1,2\n", "line 2 has 3 values; expected 11"),
        (",".join(("sample_id", *FIVE_POINTS)) + "\na" + ",1" * 9 + ",one\n", "row 1: expected numbers"),
        (",".join(("sample_id", *FIVE_POINTS)) + "\na" + ",1" * 9 + ",nan\n", "row 1: expected finite"),
        (",".join(("sample_id", *FIVE_POINTS)) + ("\na" + ",1" * 10) * 2 + "\n", "'a' occurs twice"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path, text, complaint):
    path = tmp_path / "l.csv"
    path.write_text(text)
    with pytest.raises(SourceFormatError, match=complaint):
        read_landmarks(path)


def test_a_table_that_names_no_face_of_the_source_is_refused(tmp_path):
    source = ImageFolder(write_folder(tmp_path / "f", {"p/1.png": b""}))
    with pytest.raises(SourceFormatError, match=r"such as 'p/1'; found none of them, but 'p/1\.png'"):
        WithLandmarks(source, table(tmp_path / "l.csv", [("p/1.png", FIVE)]))


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(SourceNotFoundError, match=r"l\.csv"):
        read_landmarks(tmp_path / "l.csv")

"""A CSV table of landmarks goes before the source's own."""

import unicodedata

import numpy as np
import pytest
from frame_files import frames, landmarks, write_folder, write_zip

from faceshards.errors import BadSampleError, SourceFormatError, SourceNotFoundError
from faceshards.ops.align import five_points
from faceshards.source.base import warnings_of
from faceshards.source.facesynthetics import FaceSynthetics
from faceshards.source.imagefolder import ImageFolder
from faceshards.source.landmarks import FIVE_POINTS, SEVENTY_POINTS, WithLandmarks, read_landmarks
from faceshards.source.overlay import FirstFaces

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
        (",".join(("sample_id", *FIVE_POINTS)) + "\na,1,2\n", "none in any: line 2 has 3 values; expected 11"),
        (",".join(("sample_id", *FIVE_POINTS)) + "\na" + ",1" * 9 + ",one\n", "none in any: line 2: expected numbers"),
        (",".join(("sample_id", *FIVE_POINTS)) + "\na" + ",1" * 9 + ",nan\n", "none in any: line 2: expected finite"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path, text, complaint):
    path = tmp_path / "l.csv"
    path.write_text(text)
    with pytest.raises(SourceFormatError, match=complaint):
        read_landmarks(path)


BAD = {
    "not a number": "1,2,3,4,5,6,7,8,9,nan",
    "infinite": "1,2,3,4,5,6,7,8,9,inf",
    "empty cells": ",,,,,,,,,",
    "a word": "no,face,found,,,,,,,",
    "too few": "1,2,3",
    "too many": "1,2,3,4,5,6,7,8,9,10,11",
    "no values": "",
}


@pytest.mark.parametrize("values", BAD.values(), ids=BAD)
def test_a_row_without_points_is_a_bad_sample_of_its_face_alone(tmp_path, values):
    path = table(tmp_path / "l.csv", [("p/1", FIVE)])
    path.write_text(f"{path.read_text()}p/2,{values}\n")
    source = ImageFolder(write_folder(tmp_path / "f", {f"p/{i}.png": b"" for i in (1, 2, 3)}))
    pointed = WithLandmarks(source, path)
    np.testing.assert_array_equal(pointed.landmarks(0), FIVE)
    with pytest.raises(BadSampleError, match=r"l\.csv: line 3") as caught:
        pointed.landmarks(1)
    assert caught.value.reason == "malformed_landmarks"
    assert pointed.landmarks(2) is None
    assert len({pointed.digest(i) for i in range(3)}) == 3


def test_a_row_whose_name_is_no_utf8_is_of_the_file_with_those_bytes_and_of_no_other(tmp_path):
    source = ImageFolder(write_folder(tmp_path / "f", {"caf\udce9/1.png": b"", "p/1.png": b""}))
    path = table(tmp_path / "l.csv", [("caf/1", FIVE), ("p/1", FIVE + 1)])
    path.write_bytes(path.read_bytes().replace(b"caf/", b"caf\xe9/"))
    pointed = WithLandmarks(source, path)
    np.testing.assert_array_equal(pointed.landmarks(0), FIVE)
    np.testing.assert_array_equal(pointed.landmarks(1), FIVE + 1)


def test_two_rows_of_a_face_count_where_they_are_equal_and_else_are_a_bad_sample_of_it(tmp_path):
    rows = read_landmarks(table(tmp_path / "l.csv", [("a", FIVE), ("b", FIVE), ("a", FIVE), ("b", FIVE + 1)]))
    np.testing.assert_array_equal(rows["a"], FIVE)
    assert isinstance(rows["b"], BadSampleError)
    assert "'b' has two rows that differ" in str(rows["b"])


def of_frames(frames_zip, order=(0, 1, 2, 3, 4)):
    source = FaceSynthetics(frames_zip)
    return [(source.face(i).sample_id, five_points(source.landmarks(i))[list(order)]) for i in range(len(source))]


ORDERS = {
    "the eyes": (1, 0, 2, 3, 4),
    "the mouth corners": (0, 1, 2, 4, 3),
    "right and left": (1, 0, 2, 4, 3),
    "nose first": (2, 0, 1, 3, 4),
    "nose last": (0, 1, 3, 4, 2),
    "nose and a mouth corner": (0, 1, 3, 2, 4),
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_a_table_in_another_order_is_refused_though_some_of_its_rows_hide_it(frames_zip, tmp_path, order):
    with pytest.raises(SourceFormatError, match="expected right eye, left eye, nose tip, right and left mouth corner"):
        read_landmarks(table(tmp_path / "l.csv", of_frames(frames_zip, order)))


def test_a_table_of_all_x_before_all_y_is_refused(frames_zip, tmp_path):
    rows = [(name, points.T) for name, points in of_frames(frames_zip)]
    with pytest.raises(SourceFormatError, match="put the columns into this order"):
        read_landmarks(table(tmp_path / "l.csv", rows))


def test_a_table_in_the_right_order_is_taken_whichever_way_the_faces_are_turned(frames_zip, tmp_path):
    upright = of_frames(frames_zip)
    for rows in (upright, [(name, points @ [[0, 1], [-1, 0]]) for name, points in upright]):
        assert len(read_landmarks(table(tmp_path / "l.csv", rows))) == 71


COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "Zo\u00eb/\uac00") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(("file", "row"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_a_name_is_found_in_either_unicode_form(tmp_path, file, row):
    source = ImageFolder(write_folder(tmp_path / "f", {f"{file}.png": b"", "bob/1.png": b""}))
    pointed = WithLandmarks(source, table(tmp_path / "l.csv", [(row, FIVE)]))
    assert {pointed.face(i).sample_id: pointed.landmarks(i) is None for i in range(2)} == {
        COMPOSED: False,
        "bob/1": True,
    }


def test_of_two_names_that_differ_only_in_their_form_each_has_its_own_row(tmp_path):
    files = {f"{COMPOSED}.png": b"", f"{DECOMPOSED}.png": b""}
    source = ImageFolder(write_folder(tmp_path / "f", files))
    ids = [source.face(i).sample_id for i in range(2)]
    assert sorted(ids) == sorted([COMPOSED, DECOMPOSED])
    pointed = WithLandmarks(source, table(tmp_path / "l.csv", [(COMPOSED, FIVE)]))
    assert [pointed.landmarks(i) is None for i in range(2)] == [name != COMPOSED for name in ids]


def test_a_table_that_names_no_face_of_the_source_is_refused(tmp_path):
    source = ImageFolder(write_folder(tmp_path / "f", {"p/1.png": b""}))
    with pytest.raises(SourceFormatError, match=r"such as 'p/1'; found none of them, but 'p/1\.png'"):
        WithLandmarks(source, table(tmp_path / "l.csv", [("p/1.png", FIVE)]))


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(SourceNotFoundError, match=r"l\.csv"):
        read_landmarks(tmp_path / "l.csv")


def test_rows_that_name_no_face_are_told_with_the_faces_that_have_no_row(tmp_path):
    root = write_folder(tmp_path / "faces", {f"{name}.png": b"" for name in ("alice/1", "alice/2", "bob/1")})
    rows = [(name, FIVE) for name in ("alice/1", "alice/2.png", "Bob/1")]
    (said,) = warnings_of(FirstFaces(WithLandmarks(ImageFolder(root), table(tmp_path / "l.csv", rows)), 2))
    assert "no face of the source is named by 2 of 3 rows, such as 'alice/2.png', and these are not used" in said
    assert "no row is there for 2 of 3 faces; the source names its faces as 'alice/1'" in said
    assert warnings_of(WithLandmarks(ImageFolder(root), table(tmp_path / "m.csv", rows[:1]))) == ()


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_three_rows_tell_another_order(frames_zip, tmp_path, order):
    with pytest.raises(SourceFormatError, match="put the columns into this order"):
        read_landmarks(table(tmp_path / "l.csv", of_frames(frames_zip, order)[:3]))
    read_landmarks(table(tmp_path / "l.csv", of_frames(frames_zip)[:3]))

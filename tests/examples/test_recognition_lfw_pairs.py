"""LFW's list of pairs, by the sample ids of a store."""

import pytest

from examples.recognition.verification.lfw_pairs import read_lfw_pairs
from faceshards.errors import SourceFormatError, SourceNotFoundError

LIST = """2\t1
Ann_Lee\t1\t2
Ann_Lee\t2\tBob\t1
Bob\t1\t3
Cy\t1\tBob\t3
"""
FACES = ["Ann_Lee/Ann_Lee_0001", "Ann_Lee/Ann_Lee_0002", "Bob/Bob_0001", "Bob/Bob_0003", "Cy/Cy_0001"]


def read(tmp_path, text, faces=FACES):
    (tmp_path / "pairs.txt").write_text(text)
    return read_lfw_pairs(tmp_path / "pairs.txt", faces)


def test_pairs_kinds_and_folds(tmp_path):
    pairs, missing = read(tmp_path, LIST)
    assert missing == 0
    assert list(zip(pairs.first, pairs.second, pairs.same, pairs.fold, strict=True)) == [
        (0, 1, True, 0),
        (1, 2, False, 0),
        (2, 3, True, 1),
        (4, 3, False, 1),
    ]


def test_pairs_of_faces_that_dropped_out_are_counted(tmp_path):
    pairs, missing = read(tmp_path, LIST, FACES[:4])
    assert (len(pairs.same), missing) == (3, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1.*empty"),
        ("500\n", "line 1.*'10 300'"),
        ("0\t3\n", "line 1"),
        (LIST.replace("2\t1\n", "2\t2\n", 1), "found 4 lines"),
        (LIST.replace("Bob\t1\t3", "Bob 1 3"), "line 4.*tabs"),
        (LIST.replace("Bob\t1\t3", "Bob\tx\t3"), "line 4"),
        (LIST.replace("Bob\t1\t3", "Bob\t1\tCy\t1"), "line 4.*out of place"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, text, message):
    with pytest.raises(SourceFormatError, match=message):
        read(tmp_path, text)


def test_a_list_of_other_people_is_refused(tmp_path):
    with pytest.raises(SourceFormatError, match="made from LFW's folder"):
        read(tmp_path, LIST, ["s1/1"])
    with pytest.raises(SourceNotFoundError):
        read_lfw_pairs(tmp_path / "none.txt", FACES)

"""A source that travels is opened once by whoever receives it, and again when its file was replaced."""

import copy

from frame_files import frames, write_zip

from faceshards.source import open_source


def received(source):
    """What unpickling gives, without the bytes in between: `copy` goes the same way."""
    return copy.copy(source)


def test_the_same_source_is_received_as_one_object(tmp_path):
    path = write_zip(tmp_path / "x.zip", frames())
    assert received(open_source(path)) is received(open_source(path))
    assert received(open_source(path, limit=2)) is not received(open_source(path, limit=1))


def test_a_replaced_file_is_another_source(tmp_path):
    before = received(open_source(write_zip(tmp_path / "x.zip", frames(1))))
    after = received(open_source(write_zip(tmp_path / "x.zip", frames(3))))
    assert (len(before), len(after)) == (1, 3)


def test_a_source_shows_what_it_is_in_one_line(tmp_path):
    path = write_zip(tmp_path / "x.zip", frames())
    assert repr(open_source(path, limit=2)) == f"FirstFaces(FaceSynthetics({path}), 2)"

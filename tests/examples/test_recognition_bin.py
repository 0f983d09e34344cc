"""InsightFace's verification sets: read whatever wrote them, and nothing else, whatever it asks for."""

import io
import os
import pickle

import cv2
import numpy as np
import pytest

from examples.recognition.verification.insightface_bin import InsightFaceBin
from faceshards.errors import SourceFormatError, SourceNotFoundError

SAME = [True, False] * 5
IMAGES = [cv2.imencode(".png", np.full((112, 112, 3), i, np.uint8))[1].tobytes() for i in range(2 * len(SAME))]


def written(path, content, protocol=4):
    path.write_bytes(pickle.dumps(content, protocol))
    return path


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "kind",
    [lambda x: x, tuple, lambda x: np.array(x) if isinstance(x[0], bool) else [np.frombuffer(i, np.uint8) for i in x]],
)
def test_a_set_is_read_in_every_protocol_with_lists_tuples_or_arrays(tmp_path, protocol, kind):
    found = InsightFaceBin(written(tmp_path / "x.bin", (kind(IMAGES), kind(SAME)), protocol))
    assert len(found) == 20
    assert found.pairs.same.tolist() == SAME
    assert found.pairs.first.tolist() == list(range(0, 20, 2))
    assert found.pairs.second.tolist() == list(range(1, 20, 2))
    assert found.pairs.fold.tolist() == list(range(10))
    np.testing.assert_array_equal(found.image(7), np.full((112, 112, 3), 7))


def test_a_list_of_numpy_bools_is_read(tmp_path):
    found = InsightFaceBin(written(tmp_path / "x.bin", (IMAGES, list(np.array(SAME)))))
    assert found.pairs.same.tolist() == SAME


def test_a_picture_that_is_in_many_pairs_may_be_in_the_file_once(tmp_path):
    one = IMAGES[0]
    path = written(tmp_path / "x.bin", ([one] * len(IMAGES), SAME))
    assert path.stat().st_size < 2 * len(one) + 1000
    assert [len(InsightFaceBin(path)), InsightFaceBin(path).image(3).max()] == [len(IMAGES), 0]


def test_the_str_of_python_2_are_bytes(tmp_path):
    # Protocol 2 of Python 2 wrote str as BINSTRING, which Python 3 never writes.
    images = b"".join(b"T" + len(image).to_bytes(4, "little") + image for image in IMAGES)
    data = b"\x80\x02](" + images + b"e](" + b"".join(b"\x88" if s else b"\x89" for s in SAME) + b"e\x86."
    (tmp_path / "x.bin").write_bytes(data)
    assert InsightFaceBin(tmp_path / "x.bin").image(3)[0, 0, 0] == 3


class Calls:
    """Pickled, it asks for a call."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("nested", [False, True])
def test_a_malicious_pickle_is_refused_and_calls_nothing(tmp_path, protocol, nested):
    trap = tmp_path / "sprung"
    evil = Calls(os.mkdir, str(trap))
    path = written(tmp_path / "x.bin", ([evil, *IMAGES[1:]], SAME) if nested else evil, protocol)
    with pytest.raises(SourceFormatError, match=r"x\.bin.*mkdir.*do not trust"):
        InsightFaceBin(path)
    assert not trap.exists()


@pytest.mark.parametrize("function", [eval, exec, getattr, __import__, open, io.BytesIO, np.load, bytearray])
def test_no_other_callable_is_known(tmp_path, function):
    with pytest.raises(SourceFormatError, match=function.__name__):
        InsightFaceBin(written(tmp_path / "x.bin", Calls(function, "x")))


@pytest.mark.parametrize(
    "array", [np.array([print, None]), np.zeros(3), np.zeros((2, 2), np.uint8), np.array(["x"]), np.float64(1)]
)
def test_arrays_of_anything_but_bytes_and_bools_are_refused(tmp_path, array):
    with pytest.raises(SourceFormatError, match="do not trust"):
        InsightFaceBin(written(tmp_path / "x.bin", (IMAGES, array)))


def test_an_array_that_claims_more_than_it_has_is_refused(tmp_path):
    data = pickle.dumps((IMAGES, np.array(SAME)), 2)
    ten, two_hundred = b"K\x0a\x85", b"K\xc8\x85"  # the shape, a tuple of one number
    assert data.count(ten) == 1
    (tmp_path / "x.bin").write_bytes(data.replace(ten, two_hundred))
    with pytest.raises(SourceFormatError, match="200 bytes"):
        InsightFaceBin(tmp_path / "x.bin")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (IMAGES, "images, same"),
        ((IMAGES, 3), "lists of images and of bools"),
        ((IMAGES[:-1], SAME), "19 images"),
        ((IMAGES[:2], SAME[:1]), "10 pairs or more"),
        ((["text", *IMAGES[1:]], SAME), "as bytes"),
        ((IMAGES, [2, *SAME[1:]]), "a bool for every pair"),
    ],
)
def test_what_is_no_verification_set_is_refused(tmp_path, content, message):
    with pytest.raises(SourceFormatError, match=message):
        InsightFaceBin(written(tmp_path / "x.bin", content))


def test_broken_files_and_other_sizes_are_told(tmp_path):
    with pytest.raises(SourceNotFoundError):
        InsightFaceBin(tmp_path / "none.bin")
    path = written(tmp_path / "x.bin", (IMAGES, SAME))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SourceFormatError, match="broken"):
        InsightFaceBin(path)
    small = cv2.imencode(".png", np.zeros((8, 9, 3), np.uint8))[1].tobytes()
    with pytest.raises(SourceFormatError, match=r"image 0.*9x8"):
        InsightFaceBin(written(path, ([small, *IMAGES[1:]], SAME))).image(0)

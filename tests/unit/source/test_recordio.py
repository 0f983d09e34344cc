"""InsightFace RecordIO: which records are images, who is on them, and what is refused."""

import struct

import numpy as np
import pytest
from image_files import encode, noise
from recordio_files import MAGIC, frame, insightface, record, write_pair

from faceshards.errors import BadSampleError, SourceFormatError, SourceNotFoundError
from faceshards.source.decode import decode_image
from faceshards.source.recordio import RecordIO

IMAGES = [encode(noise(112, 112, seed=i), ".jpg") for i in range(3)]


def test_record_0_tells_which_records_are_images(tmp_path):
    source = RecordIO(write_pair(tmp_path, insightface(IMAGES, [5.0, [5.0, 0.3], 7.0])))
    assert len(source) == 3
    assert [source.face(i).sample_id for i in range(3)] == ["1", "2", "3"]
    assert [source.face(i).identity for i in range(3)] == ["5", "5", "7"]
    assert source.face(0).source_id == "train.rec/1"
    assert [source.image_bytes(i) for i in range(3)] == IMAGES
    np.testing.assert_array_equal(decode_image(source.image_bytes(2), "x"), decode_image(IMAGES[2], "x"))
    assert source.truth(0) is None
    assert source.landmarks(0) is None


@pytest.mark.parametrize("label", [3.0, [3.0, 1.0, 2.0]])
def test_without_a_range_record_every_key_is_an_image(tmp_path, label):
    source = RecordIO(write_pair(tmp_path, {key: record(IMAGES[0], label, key) for key in (0, 1, 2)}))
    assert [source.face(i).sample_id for i in range(len(source))] == ["0", "1", "2"]
    assert source.face(0).identity == "3"


def test_the_order_is_that_of_the_keys_not_of_the_index_file(tmp_path):
    pair = write_pair(tmp_path, {key: record(IMAGES[key - 1], float(key), key) for key in (3, 1, 2)})
    source = RecordIO(pair)
    assert [source.face(i).sample_id for i in range(3)] == ["1", "2", "3"]
    assert source.image_bytes(0) == IMAGES[0]


def test_an_image_that_holds_the_magic_word_is_joined_from_its_parts(tmp_path):
    image = b"ab" + MAGIC * 3 + b"cdef" + MAGIC  # the header is 24 bytes: the words lie at no multiple of 4
    aligned = MAGIC + b"abcd" + MAGIC + MAGIC + b"xyz"
    source = RecordIO(write_pair(tmp_path, insightface([image, aligned], [1.0, 2.0])))
    assert [source.image_bytes(0), source.image_bytes(1)] == [image, aligned]
    assert frame(record(aligned, 2.0)).count(MAGIC) == 4  # four parts: the data's own three words are cut out


def damage(path, key, at, new):
    """Overwrite bytes of a record, counted from its magic word."""
    offset = int(path.with_suffix(".idx").read_text().split()[2 * key + 1])
    data = bytearray(path.read_bytes())
    data[offset + at : offset + at + len(new)] = new
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("at", "new"),
    [
        (0, b"nope"),
        (4, struct.pack("<I", 3 << 29 | 40)),  # the last part of a record that never began
        (4, struct.pack("<I", 1 << 29 | 40)),  # a first part without a second
        (4, struct.pack("<I", 10)),  # too short for a header
        (8, struct.pack("<I", 2**31)),  # more labels than bytes
        (8, struct.pack("<If", 0, float("nan"))),
        (8, struct.pack("<I", 10**5)),  # labels up to the record's end: no image left
    ],
)
def test_a_damaged_record_is_one_bad_sample_that_still_has_a_name(tmp_path, at, new):
    path = write_pair(tmp_path, insightface(IMAGES, [1.0, 2.0, 3.0]))
    damage(path, 2, at, new)
    source = RecordIO(path)
    assert source.face(1).sample_id == "2"
    with pytest.raises(BadSampleError, match=r"train\.rec") as caught:
        source.image_bytes(1)
    assert caught.value.reason == "corrupt_record"
    assert [source.image_bytes(0), source.image_bytes(2)] == [IMAGES[0], IMAGES[2]]


def test_a_record_that_claims_half_a_gigabyte_is_refused_before_it_is_read(tmp_path):
    path = write_pair(tmp_path, insightface(IMAGES, [1.0, 2.0, 3.0]))
    damage(path, 1, 4, struct.pack("<I", 2**29 - 1))
    with pytest.raises(BadSampleError) as caught:
        RecordIO(path).image_bytes(0)
    assert caught.value.reason == "file_too_large"


def test_a_truncated_file_loses_only_what_lay_behind_the_cut(tmp_path):
    path = write_pair(tmp_path, insightface(IMAGES, [1.0, 2.0, 3.0]))
    path.write_bytes(path.read_bytes()[: 100 + len(IMAGES[0]) + 200])
    source = RecordIO(path)
    assert source.image_bytes(0) == IMAGES[0]
    for i in (1, 2):
        with pytest.raises(BadSampleError, match="ends"):
            source.image_bytes(i)


@pytest.mark.parametrize(
    ("index", "complaint"),
    [
        ("", "found 0"),
        ("one two\n", "whole numbers"),
        ("0\t0\t0\n", "key and offset"),
        ("0\t0\n1\n", "whole numbers"),
        ("0\t0\n1\t44\n1\t44\n", "each once"),
        ("0\t0\n1\t44\n3\t99\n", "promises the images 1 to 3"),
    ],
)
def test_an_index_that_cannot_be_trusted_refuses_the_whole_source(tmp_path, index, complaint):
    path = write_pair(tmp_path, insightface(IMAGES, [1.0, 2.0, 3.0]))
    path.with_suffix(".idx").write_text(index)
    with pytest.raises(SourceFormatError, match=complaint):
        RecordIO(path)


@pytest.mark.parametrize("end", [1e30, float("inf"), float("nan"), -4.0, 0.0, 3.5])
def test_a_range_record_beyond_reason_refuses_the_whole_source(tmp_path, end):
    records = insightface(IMAGES, [1.0, 2.0, 3.0]) | {0: record(b"", [end, 5.0])}
    with pytest.raises(SourceFormatError):
        RecordIO(write_pair(tmp_path, records))


@pytest.mark.parametrize("end", [2.0, 3.0])
def test_images_behind_those_that_record_0_promises_are_never_left_out_without_a_word(tmp_path, end):
    records = insightface(IMAGES, [1.0, 2.0, 3.0]) | {0: record(b"", [end, 5.0])}
    with pytest.raises(SourceFormatError, match=f"found an image in record {end:.0f}"):
        RecordIO(write_pair(tmp_path, records))


def test_missing_files_are_named(tmp_path):
    path = write_pair(tmp_path, insightface(IMAGES, [1.0, 2.0, 3.0]))
    path.with_suffix(".idx").unlink()
    with pytest.raises(SourceNotFoundError, match=r"train\.idx"):
        RecordIO(path)
    with pytest.raises(SourceNotFoundError, match=r"other\.rec"):
        RecordIO(tmp_path / "other.rec")


def test_a_file_that_is_no_recordio_is_refused(tmp_path):
    (tmp_path / "train.rec").write_bytes(b"")
    with pytest.raises(SourceFormatError, match="RecordIO"):
        RecordIO(tmp_path / "train.rec")


def test_a_label_of_minus_one_is_a_face_of_nobody(tmp_path):
    source = RecordIO(write_pair(tmp_path, insightface(IMAGES, [-1.0, [-1.0, 3.0], 0.0])))
    assert [source.face(i).identity for i in range(3)] == [None, None, "0"]
    assert source.image_bytes(0) == IMAGES[0]


@pytest.mark.parametrize(
    "label", [0.5, -2.0, -0.5, 1e30, float("nan"), float("inf"), float("-inf"), 2.0**24, [0.25, 1.0], [-7.0, 1.0]]
)
def test_a_label_that_is_no_number_of_a_person_is_a_corrupt_record_of_nobody(tmp_path, label):
    source = RecordIO(write_pair(tmp_path, insightface(IMAGES, [0.0, label, 2.0**24 - 1])))
    assert [source.face(i).identity for i in range(3)] == ["0", None, "16777215"]
    with pytest.raises(BadSampleError, match="expected as label a whole number from 0") as caught:
        source.image_bytes(1)
    assert caught.value.reason == "corrupt_record"

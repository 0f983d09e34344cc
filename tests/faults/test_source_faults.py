"""Hostile and damaged containers: refused whole where the whole is suspect, face by face where only a face is."""

import io
import struct
import zipfile

import pytest
from frame_files import frames, split, write_folder, write_zip

from faceshards.errors import BadSampleError, SourceFormatError, SourceNotFoundError
from faceshards.source.facesynthetics import FaceSynthetics
from faceshards.source.files import MAX_FILE_BYTES, FolderFiles, ZipFiles
from faceshards.source.splitfile import open_split


def reason(read, *args):
    with pytest.raises(BadSampleError) as caught:
        read(*args)
    return caught.value.reason


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_zip_cut_short_is_refused_with_the_remedy(tmp_path, share):
    path = write_zip(tmp_path / "x.zip", frames())
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(SourceFormatError, match="fetch again"):
        FaceSynthetics(path)


def test_a_zip_that_lost_bytes_before_its_directory_is_refused(tmp_path):
    path = write_zip(tmp_path / "x.zip", frames())
    data = path.read_bytes()
    path.write_bytes(data[:1000] + data[2000:])
    with pytest.raises(SourceFormatError, match="bytes are missing"):
        FaceSynthetics(path)


def test_members_that_share_bytes_are_refused(tmp_path):
    path = write_zip(tmp_path / "x.zip", {"000000.png": bytes(5000), "000001.png": bytes(5000)})
    data = bytearray(path.read_bytes())
    second = data.rindex(b"PK\x01\x02")  # the second entry of the directory; at 42 the offset of its member
    assert struct.unpack_from("<I", data, second + 42)[0] > 0
    struct.pack_into("<I", data, second + 42, 0)
    path.write_bytes(data)
    with pytest.raises(SourceFormatError, match="zip bomb"):
        ZipFiles(path)


def test_two_members_of_one_name_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("000000.png", b"one")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("000000.png", b"two")
    with pytest.raises(SourceFormatError, match="one name"):
        ZipFiles(tmp_path / "x.zip")


def test_a_member_that_unpacks_to_too_much_is_a_bad_sample(tmp_path):
    path = write_zip(tmp_path / "x.zip", {"000000.png": bytes(MAX_FILE_BYTES + 1)}, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < MAX_FILE_BYTES // 100
    assert reason(ZipFiles(path).read, "000000.png") == "file_too_large"


def test_a_member_that_lies_about_its_size_yields_no_more_than_it_claims(tmp_path):
    path = write_zip(tmp_path / "x.zip", {"000000.png": bytes(10**6)}, zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 100)
    path.write_bytes(data)
    assert reason(ZipFiles(path).read, "000000.png") == "corrupt_member"


def test_a_flipped_bit_is_a_bad_sample_and_the_others_stay_readable(tmp_path):
    path = write_zip(tmp_path / "x.zip", frames())
    data = bytearray(path.read_bytes())
    data[data.index(frames()["000001.png"]) + 50] ^= 1
    path.write_bytes(data)
    source = FaceSynthetics(path)
    assert reason(source.image_bytes, 1) == "corrupt_member"
    assert [source.image_bytes(i) for i in (0, 2)] == [frames()["000000.png"], frames()["000002.png"]]


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_codecs_without_a_bound_on_their_output_are_not_read(tmp_path, compression):
    path = write_zip(tmp_path / "x.zip", {"000000.png": bytes(1000)}, compression)
    assert reason(ZipFiles(path).read, "000000.png") == "unreadable_member"


def test_an_encrypted_member_is_a_bad_sample(tmp_path):
    path = write_zip(tmp_path / "x.zip", frames(1))
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert reason(ZipFiles(path).read, "000000.png") == "unreadable_member"


@pytest.mark.parametrize("missing", ["002", "003"])
def test_a_part_missing_in_the_middle_is_named(tmp_path, missing):
    first = split(write_zip(tmp_path / "x.zip", frames()), 4)
    (tmp_path / f"x.zip.{missing}").unlink()
    with pytest.raises(SourceNotFoundError, match=rf"x\.zip\.{missing}"):
        FaceSynthetics(first)


def test_a_missing_last_part_is_refused_with_the_remedy(tmp_path):
    first = split(write_zip(tmp_path / "x.zip", frames()), 4)
    (tmp_path / "x.zip.004").unlink()
    with pytest.raises(SourceFormatError, match="a part is missing"):
        FaceSynthetics(first)


def test_a_missing_first_part_or_zip_is_named(tmp_path):
    with pytest.raises(SourceNotFoundError, match=r"x\.zip\.001"):
        FaceSynthetics(tmp_path / "x.zip.001")


def test_a_split_file_reads_as_the_file_it_was(tmp_path):
    whole = tmp_path / "x"
    whole.write_bytes(bytes(range(256)) * 40)
    data = whole.read_bytes()
    with open_split(split(whole, 7)) as file:
        assert file.read() == data
        for offset, count in [(0, 10), (1400, 200), (5000, 5000), (10_230, 50), (20_000, 5)]:
            assert file.seek(offset) == offset
            assert file.read(count) == data[offset : offset + count]
        assert file.seek(-100, io.SEEK_END) == len(data) - 100
        assert file.read() == data[-100:]


def test_a_file_of_a_folder_that_is_too_large_is_a_bad_sample(tmp_path):
    with (tmp_path / "000000.png").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    assert reason(FolderFiles(tmp_path).read, "000000.png") == "file_too_large"


def test_a_file_that_vanished_is_a_bad_sample(tmp_path):
    source = FaceSynthetics(write_folder(tmp_path / "f", frames()))
    (tmp_path / "f" / "000001.png").unlink()
    assert reason(source.image_bytes, 1) == "unreadable_file"

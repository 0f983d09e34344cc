"""Files that are no plain files, that somebody edited by hand, or whose names are meant for other programs."""

import csv
import io
import os
import socket
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from image_files import noise
from odd_pictures import picture, saved

from faceshards.build.source import read_note
from faceshards.cells import cell, visible
from faceshards.errors import BadSampleError, ParamsError, SourceFormatError, StoreFormatError
from faceshards.report.page import _environment
from faceshards.source.decode import decode_image, decode_picture
from faceshards.source.files import FolderFiles, ZipFiles
from faceshards.source.imagefolder import ImageFolder
from faceshards.store.sha256sums import read_sha256sums
from faceshards.yamlfile import read_yaml


def zip_of(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return path


@pytest.mark.timeout(20)
def test_what_is_no_plain_file_is_a_bad_sample_and_is_never_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    folder.mkdir()
    (folder / "good.png").write_bytes(saved(picture(), "PNG"))
    os.mkfifo(folder / "pipe.png")
    (folder / "zero.png").symlink_to("/dev/zero")
    (folder / "circle.png").symlink_to(folder / "circle.png")
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "talk.png"))
        source = ImageFolder(folder)
        found = {}
        for index in range(len(source)):
            try:
                found[source.face(index).sample_id] = len(source.image_bytes(index)) > 0
            except BadSampleError as error:
                found[source.face(index).sample_id] = error.reason
    odd = dict.fromkeys(("circle", "gone", "pipe", "talk", "zero"), "unreadable_file")
    assert found == {"good": True, **odd}
    assert FolderFiles(folder).names == {f"{name}.png" for name in found}


@pytest.mark.timeout(20)
def test_a_pipe_in_the_place_of_params_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "params.yaml")
    with pytest.raises(ParamsError, match=r"params\.yaml: expected a file of text; found a folder, a pipe"):
        read_yaml(tmp_path / "params.yaml", None)  # type: ignore[arg-type]  # it is not reached


@pytest.mark.parametrize("content", [b"{", b"\xff{}", b"[]", b'{"name": 1}', b"[" * 10_000, b'{"surplus": 0}'])
def test_an_edited_note_names_the_file_and_the_stage_to_run(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "source.json").write_bytes(content)
    with pytest.raises(SourceFormatError, match=r"source\.json: "):
        read_note(tmp_path)


def test_a_list_of_hashes_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.sha256").write_bytes(b"\xff")
    with pytest.raises(StoreFormatError, match=r"x\.sha256: expected a list"):
        read_sha256sums(tmp_path / "x.sha256")


@pytest.mark.parametrize(
    "text", ["2001-01-01: x", "a: 2001-99-99", "[" * 900, "a: !!python/name:os.system", "? [a]\n: b"]
)
def test_yaml_that_json_cannot_hold_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(ParamsError, match=r"x\.yaml: "):
        read_yaml(tmp_path / "x.yaml", None)  # type: ignore[arg-type]  # it is not reached


@pytest.mark.parametrize("name", ["../000000.png", "/000000.png", "a/../../b.png", "C:/x.png", "\\x.png"])
def test_a_zip_whose_names_lead_out_of_a_folder_is_refused_though_all_do(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceFormatError, match="lead out of it"):
        ZipFiles(zip_of(tmp_path / "x.zip", name))


def test_a_zip_without_members_and_an_empty_file_are_told_apart_from_a_missing_part(tmp_path: Path) -> None:
    (tmp_path / "empty.zip").touch()
    with pytest.raises(SourceFormatError, match="found an empty file"):
        ZipFiles(tmp_path / "empty.zip")
    with pytest.raises(SourceFormatError, match="found a zip without files"):
        ZipFiles(zip_of(tmp_path / "x.zip"))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_of_one_name_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceFormatError, match=r"two have one name.*'a.png'"):
        ZipFiles(zip_of(tmp_path / "x.zip", "a.png", "b.png", "a.png"))


@pytest.mark.parametrize("bit", [0, 5, 6])
def test_a_member_that_is_encrypted_or_a_patch_is_a_bad_sample(tmp_path: Path, bit: int) -> None:
    path = zip_of(tmp_path / "x.zip", "000000.png")
    data = bytearray(path.read_bytes())
    for start in (data.index(b"PK\x03\x04") + 6, data.index(b"PK\x01\x02") + 8):
        data[start] |= 1 << bit
    path.write_bytes(data)
    with pytest.raises(BadSampleError, match="unreadable_member"):
        ZipFiles(path).read("000000.png")


@pytest.fixture(scope="module")
def jpeg() -> bytes:
    return cv2.imencode(".jpg", cv2.resize(noise(20, 20), (256, 256)))[1].tobytes()


def test_a_jpeg_of_which_a_part_is_missing_is_refused_and_its_library_says_nothing(
    jpeg: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadSampleError, match=r"undecodable_image: face 7: a part .* premature end of data segment"):
        decode_image(jpeg[: len(jpeg) // 2] + b"\xff\xd9", "face 7")
    assert capfd.readouterr().err == ""


def test_what_a_decoder_passes_over_is_a_remark_each_time(jpeg: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    start = jpeg.index(b"\xff\xc4")
    odd = jpeg[:start] + b"\0\0\0" + jpeg[start:]
    remarks = {decode_picture(odd, "x").remark for _ in range(3)}
    assert remarks == {"damaged: its decoder says: Corrupt JPEG data: 3 extraneous bytes before marker 0xc4"}
    assert np.array_equal(decode_image(odd, "x"), decode_image(jpeg, "x"))
    assert decode_picture(jpeg, "x").remark is None
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_name_that_a_spreadsheet_would_run_is_a_text(name: str) -> None:
    table = io.StringIO()
    csv.writer(table).writerow([cell(name), "x"])
    (row,) = csv.reader(io.StringIO(table.getvalue()))
    assert row[0].startswith("'")
    assert row[1] == "x"


def test_a_page_shows_control_characters_and_markup_as_text() -> None:
    page = _environment().from_string("{{ name }}").render(name="a\0\x1b[31m<b>\nc")
    assert page == "a\\x00\\x1b[31m&lt;b&gt;\nc"


def test_other_names_stay_as_they_are_and_control_characters_are_written_out() -> None:
    assert [cell(name) for name in ("alice/1", "Zo\u00eb 2=3", "")] == ["alice/1", "Zo\u00eb 2=3", ""]
    assert visible("a\0\x1b[31m\u2028") == "a\\x00\\x1b[31m\\u2028"

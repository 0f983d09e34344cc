"""FaceSynthetics frames from a zip, a split zip and a folder."""

import zipfile

import numpy as np
import pytest
from frame_files import frames, landmark_text, landmarks, split, write_folder, write_zip
from image_files import encode, noise

from faceshards.errors import BadSampleError, SourceFormatError
from faceshards.records import SourceFace
from faceshards.regions import CoarseRegion
from faceshards.source.base import warnings_of
from faceshards.source.decode import decode_image
from faceshards.source.facesynthetics import FaceSynthetics, parse_landmarks
from faceshards.source.open import open_source


def everything(source):
    """All that a source says, in a form that compares."""
    return [
        (
            source.face(i).sample_id,
            source.face(i).identity,
            source.image_bytes(i),
            None if (truth := source.truth(i)) is None else (truth.labels.tobytes(), truth.scheme),
            None if (points := source.landmarks(i)) is None else points.tobytes(),
        )
        for i in range(len(source))
    ]


def test_zip_split_zip_and_folder_hold_the_same_real_faces(frames_zip, tmp_path):
    copy = tmp_path / "dataset_71.zip"
    copy.symlink_to(frames_zip)
    whole = FaceSynthetics(frames_zip)
    assert len(whole) == 71
    with zipfile.ZipFile(frames_zip) as archive:
        archive.extractall(tmp_path / "folder")
    assert (
        everything(FaceSynthetics(split(copy, 4)))
        == everything(whole)
        == everything(FaceSynthetics(tmp_path / "folder"))
    )


def test_a_real_frame_has_its_labels_and_landmarks(frames_zip):
    source = FaceSynthetics(frames_zip)
    assert source.face(0) == SourceFace("000000", "dataset_71.zip/000000.png", None)
    assert decode_image(source.image_bytes(0), "x").shape == (512, 512, 3)
    truth = source.truth(0)
    assert truth.scheme == "facesynthetics"
    assert truth.labels.shape == (512, 512)
    truth = source.truth(3)  # looks straight ahead, so its pupils lie on its eyes
    pupils = source.landmarks(3)[68:].round().astype(int)
    assert set(truth.labels[pupils[:, 1], pupils[:, 0]]) == {CoarseRegion.RIGHT_EYE, CoarseRegion.LEFT_EYE}


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_stored_and_deflated_members_read_alike(tmp_path, compression):
    source = FaceSynthetics(write_zip(tmp_path / "x.zip", frames(), compression))
    np.testing.assert_array_equal(source.landmarks(2), landmarks(2))
    assert source.image_bytes(1) == frames()["000001.png"]


def test_frames_come_in_the_order_of_their_numbers(tmp_path):
    shuffled = dict(reversed(frames().items()))
    source = FaceSynthetics(write_zip(tmp_path / "x.zip", shuffled))
    assert [source.face(i).sample_id for i in range(3)] == ["000000", "000001", "000002"]


def test_frames_may_lie_in_one_folder_of_the_zip_with_other_things_beside_it(tmp_path):
    files = {f"sample/{name}": data for name, data in frames().items()} | {"LICENSE.txt": b"", "docs/cover.png": b""}
    source = FaceSynthetics(write_zip(tmp_path / "x.zip", files))
    assert source.face(0) == SourceFace("000000", "x.zip/sample/000000.png", None)
    assert source.truth(0) is not None


def test_frames_in_two_folders_are_refused(tmp_path):
    files = {f"{folder}/{name}": data for folder in "ab" for name, data in frames(1).items()}
    with pytest.raises(SourceFormatError, match="one folder; found them in a, b"):
        FaceSynthetics(write_zip(tmp_path / "x.zip", files))


def test_a_source_without_frames_is_refused(tmp_path):
    with pytest.raises(SourceFormatError, match="found none; a zip of other faces: unpack it"):
        FaceSynthetics(write_zip(tmp_path / "x.zip", {"a.txt": b""}))


def test_missing_labels_or_landmarks_are_none(tmp_path):
    files = frames()
    del files["000001_seg.png"], files["000002_ldmks.txt"]
    source = FaceSynthetics(write_folder(tmp_path / "f", files))
    assert [source.truth(i) is None for i in range(3)] == [False, True, False]
    assert [source.landmarks(i) is None for i in range(3)] == [False, False, True]


@pytest.mark.parametrize("write", [lambda p, f: write_zip(p / "x.zip", f), lambda p, f: write_folder(p / "x", f)])
def test_a_table_tells_who_is_who(tmp_path, write):
    table = b"sample_id,identity\n000000,alice\n000001,bob\n000002,\n000099,nobody here\n"
    source = FaceSynthetics(write(tmp_path, frames() | {"identities.csv": table}))
    assert [source.face(i).identity for i in range(3)] == ["alice", "bob", None]
    (said,) = warnings_of(source)
    assert "identities.csv: no frame is named by 1 of 4 rows, such as '000099'" in said


def test_a_table_of_people_that_lost_its_leading_zeros_is_told(tmp_path):
    table = b"sample_id,identity\n0,alice\n1,bob\n2,bob\n"
    source = FaceSynthetics(write_folder(tmp_path / "x", frames() | {"identities.csv": table}))
    (said,) = warnings_of(source)
    assert "no frame is named by 3 of 3 rows, such as '0', and these are not used; " in said
    assert "the frames are named as '000000'" in said


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        (b"", "columns sample_id,identity; found nothing"),
        (b"sample,who\n", "found sample,who"),
        (b"sample_id,identity\n000000\n", "line 2 has 1 value;"),
        (b"sample_id,identity\n000000,a\n000000,b\n", "'000000' occurs twice"),
        (b"sample_id,identity\n\xff,a\n", "UTF-8"),
        (b'sample_id,identity\n"a,b\n', "CSV"),
    ],
)
def test_a_damaged_table_refuses_the_source(tmp_path, table, complaint):
    with pytest.raises(SourceFormatError, match=complaint):
        FaceSynthetics(write_zip(tmp_path / "x.zip", frames() | {"identities.csv": table}))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        landmark_text(landmarks()[:68]),
        landmark_text(np.vstack([landmarks(), [[1, 1]]])),
        landmark_text(landmarks()).replace(b" ", b","),
        landmark_text(landmarks()).replace(b"\n", b" 1.0\n"),
        landmark_text(landmarks()).replace(b"\n", b" 1.0\n", 1),
        b"nan nan\n" + landmark_text(landmarks()[1:]),
        b"\xff\xfe" + landmark_text(landmarks()),
    ],
)
def test_malformed_landmarks_are_a_bad_sample(data):
    with pytest.raises(BadSampleError, match="face 7") as caught:
        parse_landmarks(data, "face 7")
    assert caught.value.reason == "malformed_landmarks"


def test_a_class_id_that_does_not_exist_is_a_bad_sample(tmp_path):
    files = frames() | {"000001_seg.png": encode(noise(32, 32, 1, top=25))}
    source = FaceSynthetics(write_zip(tmp_path / "x.zip", files))
    with pytest.raises(BadSampleError, match=r"x\.zip/000001_seg\.png"):
        source.truth(1)


def test_frames_in_a_subfolder_too_are_refused_and_photographs_there_are_rows(tmp_path):
    with pytest.raises(SourceFormatError, match=r"in one folder; found them in \., more"):
        open_source(write_folder(tmp_path / "x", frames() | {f"more/{name}": data for name, data in frames().items()}))
    source = open_source(write_folder(tmp_path / "y", frames() | {"more/holiday.jpg": b"x"}))
    assert [source.face(i).sample_id for i in range(3, len(source))] == ["more/holiday.jpg"]
    with pytest.raises(BadSampleError, match="stray_picture"):
        source.image_bytes(3)


@pytest.mark.parametrize("change", [str.upper, lambda name: f"f_{name}", lambda name: name.replace("0.png", "0.jpg")])
@pytest.mark.parametrize("within", ["", "part1/"])
def test_frames_under_other_names_are_not_taken_for_a_folder_of_images(tmp_path, change, within):
    files = {within + change(name): data for name, data in frames(1).items()}
    files = {name: data for name, data in files.items() if "_seg" not in name.lower()}
    root = write_folder(tmp_path / "x", files)
    if change is str.upper:
        (root / within / "000000_LDMKS.TXT").rename(root / within / "000000_ldmks.TXT")
    with pytest.raises(SourceFormatError, match=r"expected FaceSynthetics' names, .* found .* with .*_ldmks"):
        open_source(root)
    assert len(open_source(root, "imagefolder")) == 1

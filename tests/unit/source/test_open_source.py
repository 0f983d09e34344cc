"""`open_source` tells a source by what lies there, and teaches where it cannot."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from frame_files import frames, split, write_folder, write_zip
from image_files import encode, noise
from recordio_files import insightface, write_pair

from faceshards.errors import BadSampleError, ParamsError, SourceFormatError, SourceNotFoundError
from faceshards.source import open_source
from faceshards.source.landmarks import FIVE_POINTS

IMAGE = encode(noise())


def recordio(folder: Path) -> Path:
    folder.mkdir()
    return write_pair(folder, insightface([IMAGE, IMAGE], [1.0, 2.0]))


def split_folder(folder: Path) -> Path:
    folder.mkdir()
    whole = write_zip(folder / "dataset.zip", frames())
    first = split(whole, 4)
    whole.unlink()
    return first


LAYOUTS = {
    "zip": (lambda p: write_zip(p / "x.zip", frames()), "facesynthetics", 3),
    "first part": (lambda p: split_folder(p / "parts"), "facesynthetics", 3),
    "folder of parts": (lambda p: split_folder(p / "parts").parent, "facesynthetics", 3),
    "folder of frames": (lambda p: write_folder(p / "f", frames()), "facesynthetics", 3),
    "image folder": (lambda p: write_folder(p / "f", {"p/1.png": IMAGE, "q/1.png": IMAGE}), "imagefolder", 2),
    "flat folder of numbered images": (lambda p: write_folder(p / "f", {"000000.png": IMAGE}), "imagefolder", 1),
    "rec": (lambda p: recordio(p / "r"), "recordio", 2),
    "folder of a rec": (lambda p: recordio(p / "r").parent, "recordio", 2),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_is_recognised(tmp_path, layout):
    write, name, count = LAYOUTS[layout]
    path = write(tmp_path)
    for format in ("auto", name):
        source = open_source(path, format)
        assert (source.name, len(source)) == (name, count)
        assert len({source.face(i).sample_id for i in range(count)}) == count


def test_an_explicit_format_wins(tmp_path):
    folder = write_folder(tmp_path / "f", frames(1))
    assert len(open_source(folder)) == 1
    assert len(open_source(folder, "imagefolder")) == 2  # the label image is an image, too
    with pytest.raises(SourceNotFoundError, match="RecordIO"):
        open_source(folder, "recordio")


def test_limit_takes_the_first_faces(tmp_path):
    path = write_zip(tmp_path / "x.zip", frames())
    source = open_source(path, limit=2)
    assert [source.face(i).sample_id for i in range(len(source))] == ["000000", "000001"]
    with pytest.raises(IndexError):
        source.face(2)
    assert len(open_source(path, limit=99)) == 3
    with pytest.raises(ParamsError, match="limit 0"):
        open_source(path, limit=0)


def test_landmark_table_and_published_labels_lie_over_the_source(tmp_path):
    path = write_zip(tmp_path / "x.zip", frames())
    labels = write_folder(tmp_path / "labels", {"labels_25/000001_seg.png": encode(noise(32, 32, 1, top=25))})
    table = tmp_path / "l.csv"
    table.write_text(",".join(("sample_id", *FIVE_POINTS)) + "\n000001" + ",7" * 10 + "\n")
    source = open_source(path, landmarks=table, labels=labels, limit=2)
    assert [source.truth(i).scheme for i in range(2)] == ["facesynthetics", "regions25"]
    assert [source.landmarks(i).shape for i in range(2)] == [(70, 2), (5, 2)]


def test_published_labels_are_refused_for_other_sources(tmp_path):
    folder = write_folder(tmp_path / "f", {"p/1.png": IMAGE})
    with pytest.raises(ParamsError, match="facesynthetics only"):
        open_source(folder, labels=tmp_path)


def test_nothing_there_is_said_with_the_path(tmp_path):
    with pytest.raises(SourceNotFoundError, match="nowhere"):
        open_source(tmp_path / "nowhere")


@pytest.mark.parametrize("files", [{}, {"notes.txt": b""}, {"deep/deeper/deepest/1.txt": b""}, {".hidden.png": IMAGE}])
def test_what_is_no_source_teaches_every_format(tmp_path, files):
    (tmp_path / "f").mkdir()
    with pytest.raises(SourceFormatError) as caught:
        open_source(write_folder(tmp_path / "f", files))
    for word in (str(tmp_path / "f"), "facesynthetics", "imagefolder", "recordio", "found none"):
        assert word in str(caught.value)


def test_images_too_deep_are_said_to_be_so(tmp_path):
    folder = write_folder(tmp_path / "VGGFace2", {"train/n000001/0001_01.png": IMAGE})
    with pytest.raises(SourceFormatError, match=r"a level deeper; give the folder whose .* such as .*VGGFace2/train$"):
        open_source(folder)
    with pytest.raises(SourceFormatError, match="2 levels deeper"):
        open_source(tmp_path)


@pytest.mark.parametrize("below", ["dataset_100", "dataset_100/dataset_100", "a/b/c"])
@pytest.mark.parametrize("format", ["auto", "facesynthetics"])
def test_a_data_set_alone_in_folders_is_found_as_windows_unpacks_it(tmp_path, below, format):
    write_folder(tmp_path / "faces" / below, frames(2))
    write_folder(tmp_path / "faces", {"readme.txt": b"", "__MACOSX/x/._000000.png": b"", ".DS_Store": b""})
    source = open_source(tmp_path / "faces", format)
    assert (source.name, len(source)) == ("facesynthetics", 2)


def test_the_same_holds_for_recordio_and_for_the_parts_of_a_zip(tmp_path):
    (tmp_path / "a").mkdir()
    recordio(tmp_path / "a" / "faces_emore")
    assert open_source(tmp_path / "a").name == "recordio"
    (tmp_path / "b").mkdir()
    split_folder(tmp_path / "b" / "parts")
    assert open_source(tmp_path / "b").name == "facesynthetics"


def test_a_data_set_beside_other_folders_is_named(tmp_path):
    write_folder(tmp_path / "f", {"alice/1.png": IMAGE} | {f"dataset_100/{name}": of for name, of in frames(1).items()})
    with pytest.raises(SourceFormatError, match=r"found facesynthetics in dataset_100 .*give .*dataset_100, or each"):
        open_source(tmp_path / "f")


LABELS = encode(np.kron(noise(4, 4, 1, top=19), np.ones((32, 32), np.uint8)))


COLOURED = encode(
    np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)[np.kron(noise(4, 4, 1, 3), np.ones((32, 32), int))]
)


@pytest.mark.parametrize("data", [LABELS, COLOURED], ids=["ids", "colours"])
@pytest.mark.parametrize(("photos", "maps"), [("img", "mask"), ("JPEGImages", "SegmentationClass"), ("a", "b")])
def test_a_folder_of_label_maps_beside_one_of_photographs_is_named_and_never_a_person(tmp_path, photos, maps, data):
    files = {f"{photos}/{i}.jpg": encode(noise(), ".jpg") for i in range(3)}
    folder = write_folder(tmp_path / "f", files | {f"{maps}/{i}.png": data for i in range(3)})
    with pytest.raises(SourceFormatError, match=rf"found label maps in {maps}, such as \d\.png, which are no faces"):
        open_source(folder)
    assert len(open_source(folder / photos)) == 3


def test_labels_beside_the_images_of_people_are_bad_samples_with_a_reason(tmp_path):
    source = open_source(write_folder(tmp_path / "f", {"p/1.jpg": IMAGE, "p/1_seg.png": LABELS, "q/1.png": IMAGE}))
    assert [source.face(i).sample_id for i in range(3)] == ["p/1", "p/1_seg", "q/1"]
    with pytest.raises(BadSampleError, match="label_map"):
        source.image_bytes(1)


@pytest.mark.parametrize("names", [["s1/1.png", "s2/1.png"], ["faces/1.png", "faces/2.png"], ["p/a.jpg"]])
def test_a_zip_of_other_faces_is_to_be_unpacked(tmp_path, names):
    with pytest.raises(SourceFormatError, match="a zip of other faces: unpack it and give the folder"):
        open_source(write_zip(tmp_path / "x.zip", dict.fromkeys(names, IMAGE)))


def test_a_picture_beside_frames_is_a_bad_sample_with_a_reason(tmp_path):
    extra = {"cover.jpg": IMAGE, "000009_seg.png": IMAGE}
    source = open_source(write_folder(tmp_path / "f", frames(2) | extra))
    assert [source.face(i).sample_id for i in range(4)] == ["000000", "000001", "000009_seg.png", "cover.jpg"]
    for i in (2, 3):
        with pytest.raises(BadSampleError, match="stray_picture"):
            source.image_bytes(i)
        assert source.truth(i) is source.landmarks(i) is None
    assert len({source.digest(i) for i in range(4)}) == 3


@pytest.mark.parametrize("name", ["faces.tar.gz", "faces.7z", "photo.jpg"])
def test_an_archive_or_a_single_picture_is_told_what_to_give(tmp_path, name):
    (tmp_path / name).write_bytes(IMAGE)
    with pytest.raises(SourceFormatError, match="unpack an archive, and give the folder of a single picture"):
        open_source(tmp_path / name)


def test_a_folder_that_only_holds_a_zip_names_the_zip(tmp_path):
    write_zip(tmp_path / "dataset_100.zip", frames())
    with pytest.raises(SourceFormatError, match=r"found dataset_100\.zip in it; give that path"):
        open_source(tmp_path)


def test_two_candidates_in_one_folder_are_not_guessed_between(tmp_path):
    write_pair(tmp_path, insightface([IMAGE], [1.0]), "a")
    write_pair(tmp_path, insightface([IMAGE], [1.0]), "b")
    with pytest.raises(SourceFormatError, match=r"both a\.rec and b\.rec"):
        open_source(tmp_path)
    write_pair(tmp_path, insightface([IMAGE], [1.0]), "train")
    assert open_source(tmp_path).face(0).source_id == "train.rec/1"


def test_an_unknown_format_lists_the_known(tmp_path):
    with pytest.raises(ParamsError, match="auto, facesynthetics, celebamask, lapa, imagefolder, recordio"):
        open_source(tmp_path, "lmdb")


def test_a_source_is_small_to_send_and_opened_once_by_the_process_that_receives_it(tmp_path):
    table = tmp_path / "l.csv"
    table.write_text(",".join(("sample_id", *FIVE_POINTS)) + "\n000001" + ",7" * 10 + "\n")
    sources = [
        open_source(write_zip(tmp_path / "x.zip", frames()), landmarks=table, limit=2),
        open_source(split_folder(tmp_path / "parts")),
        open_source(write_folder(tmp_path / "f", {"p/1.png": IMAGE})),
        open_source(recordio(tmp_path / "r")),
    ]
    data = pickle.dumps(sources)
    assert len(data) < 4096
    script = (
        "import pickle, sys; data = sys.stdin.buffer.read(); a, b = pickle.loads(data), pickle.loads(data)\n"
        "assert all(x is y for x, y in zip(a, b, strict=True))\n"
        "out = [(len(s), s.name, s.face(len(s) - 1), s.image_bytes(0), s.landmarks(len(s) - 1)) for s in a]\n"
        "sys.stdout.buffer.write(repr(out).encode())"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], input=data, capture_output=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert run.returncode == 0, run.stderr.decode()
    here = [(len(s), s.name, s.face(len(s) - 1), s.image_bytes(0), s.landmarks(len(s) - 1)) for s in sources]
    assert run.stdout.decode() == repr(here)
    np.testing.assert_array_equal(sources[0].landmarks(1), np.full((5, 2), 7))


@pytest.mark.parametrize("layout", [write_folder, lambda path, files: write_zip(path, files)])
def test_a_container_is_called_by_what_any_table_can_hold(layout: Callable[..., Path], tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9\n\x1b[31m.zip")
    source = open_source(layout(tmp_path / name, frames() | {"000001.png": b"", "000001_ldmks.txt": b"1"}))
    said = [source.face(0).source_id, *(error_of(read, 1) for read in (source.landmarks, source.image_bytes))]
    assert [text.partition("/")[0].rpartition(" ")[2] for text in said if text] == ["caf\\xe9\\x0a\\x1b[31m.zip"] * 2


def test_records_are_called_by_what_any_table_can_hold(tmp_path: Path) -> None:
    records = insightface([IMAGE, b""], [1.0, 2.5])
    source = open_source(write_pair(tmp_path, records, os.fsdecode(b"caf\xe9\n")))
    assert source.face(0).source_id == "caf\\xe9\\x0a.rec/1"
    assert "caf\\xe9\\x0a.rec/2: " in error_of(source.image_bytes, 1)


def error_of(read: Callable[[int], object], index: int) -> str:
    try:
        read(index)
    except BadSampleError as error:
        return error.detail
    return ""

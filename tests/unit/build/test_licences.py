"""What a data set is called, and what it may be used for, is said by whoever knows it."""

from pathlib import Path

import pytest
from frame_files import frames, write_folder
from photo_sets import jpeg, lapa, pairs
from small_pipeline import PINNED

from faceshards.build.download import make_source
from faceshards.build.licences import licence_of_dataset
from faceshards.build.params import RunParams, SourceParams
from faceshards.build.source import read_note
from faceshards.errors import LicenceError

SETS = {
    "celebamask": (pairs, "CelebAMask-HQ's agreement: non-commercial research only, no part of it may be passed on"),
    "lapa": (lapa, "LaPa's terms: non-commercial research only"),
    "people": (lambda: {"p/1.jpg": jpeg(0)}, "not stated: ask whoever gave you the images"),
    "frames like FaceSynthetics'": (frames, "not stated: ask whoever gave you the images"),
}


@pytest.mark.parametrize(("files", "licence"), SETS.values(), ids=SETS)
def test_the_note_of_a_source_names_its_licence(tmp_path: Path, files, licence: str) -> None:
    faces = write_folder(tmp_path / "faces", files())
    make_source(SourceParams(str(faces)), RunParams(), tmp_path / "source", PINNED)
    assert read_note(tmp_path / "source").licence == licence


@pytest.mark.parametrize(
    ("path", "name"),
    [("lab/my.faces.zip", "my"), ("lab/faces/", "faces"), (".", "here"), ("..", "above"), (".a/.b.c", "b")],
)
def test_the_note_of_a_source_has_a_name_whatever_the_path_is(
    path: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "above/here").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "above/here")
    write_folder(Path(path), {"p/1.jpg": jpeg(0)})
    make_source(SourceParams(path, format="imagefolder"), RunParams(), tmp_path / "source", PINNED)
    assert read_note(tmp_path / "source").name == name


def test_a_data_set_has_the_licence_that_the_params_name() -> None:
    assert licence_of_dataset("not stated: ask whoever gave you the images", "CC-BY-4.0") == "CC-BY-4.0"
    assert licence_of_dataset("MIT", None) == "MIT"


def test_faces_of_facesynthetics_keep_their_licence() -> None:
    assert licence_of_dataset("R-UDA-1.0", "R-UDA-1.0") == "R-UDA-1.0"
    with pytest.raises(
        LicenceError, match=r"dataset\.licence: expected 'R-UDA-1\.0'.*found 'MIT'.*null in params\.yaml"
    ):
        licence_of_dataset("R-UDA-1.0", "MIT")

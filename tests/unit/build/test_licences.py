"""What a data set may be used for is said by whoever knows it."""

from pathlib import Path

import pytest
from frame_files import frames, write_folder
from photo_sets import jpeg, lapa, pairs
from small_pipeline import PINNED

from faceshards.build.download import make_source
from faceshards.build.params import RunParams, SourceParams
from faceshards.build.source import read_note

SETS = {
    "celebamask": (pairs, "CelebAMask-HQ's agreement: non-commercial research only, no part of it may be passed on"),
    "lapa": (lapa, "LaPa's terms: non-commercial research only"),
    "people": (lambda: {"p/1.jpg": jpeg(0)}, "not stated: ask whoever gave you the images"),
    "frames like FaceSynthetics'": (frames, "not stated: ask whoever gave you the images"),
}


@pytest.mark.parametrize(("files", "licence"), SETS.values(), ids=SETS)
@pytest.mark.parametrize("named", [None, "CC-BY-4.0"])
def test_the_note_of_a_source_names_its_licence(tmp_path: Path, files, licence: str, named: str | None) -> None:
    faces = write_folder(tmp_path / "faces", files())
    make_source(SourceParams(str(faces), accept_licence=named), RunParams(), tmp_path / "source", PINNED)
    assert read_note(tmp_path / "source").licence == (named or licence)

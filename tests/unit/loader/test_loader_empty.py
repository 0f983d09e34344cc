"""A split of which every face dropped out is read, and said to be empty."""

import logging
from pathlib import Path

import pytest
from edited_stores import Row, build_edited

import faceshards
from faceshards.store.schema import SKIPPED


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def without_val(split: str, row: Row, _face: object) -> None:
        if split == "val":
            row.update(status=SKIPPED, reason="no_face_found")

    return build_edited(tmp_path_factory.mktemp("store") / "faces", without_val)


def test_an_empty_split_is_said_once_and_gives_no_batch(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        faces = faceshards.open(store, split="val")
        assert (len(faces), list(faces.batches(4)), list(faceshards.Loader(faces, 4, num_workers=1))) == (0, [], [])
    assert caplog.text.count(f"split 'val' of {store} has no usable face, so its epochs have no batch") == 1


def test_a_split_with_faces_is_opened_without_a_word(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        faceshards.open(store, split="train")
    assert not caplog.text

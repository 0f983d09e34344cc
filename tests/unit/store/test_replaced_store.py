import pickle
import shutil
from pathlib import Path

import pytest
from stores import build_faces, face_arrays, face_spec, sample_id

import faceshards
from faceshards.errors import CorruptShardError, ReplacedStoreError
from faceshards.store.reader import Store
from faceshards.store.schema import DATASET_JSON

OTHER = "expected the store that was opened; found another version of it in its place"


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """A store whose shards have the same sizes in every version."""
    return build_faces(tmp_path / "work", tmp_path / "faces", face_spec(profile="fast"))


def replace(faces: Path) -> None:
    """Put the next version in place, as `dvc repro` does; one face was removed."""
    spec = face_spec(profile="fast")
    build_faces(faces.parent / "next", faces.parent / "new", spec, removed={sample_id("train", 9)})
    faces.rename(faces.parent / "old")
    (faces.parent / "new").rename(faces)


def test_rows_of_the_next_version_are_never_read_as_those_of_the_version_that_was_opened(faces: Path) -> None:
    dataset, store = faceshards.open(faces), Store.open(faces)
    assert (dataset[:2]["image"] == face_arrays("train", 0, 2)["image"]).all()
    replace(faces)
    with pytest.raises(CorruptShardError, match=OTHER):
        dataset[8:12]
    with pytest.raises(CorruptShardError, match=OTHER):
        store.read("val", "image")
    assert len(faceshards.open(faces)) == len(dataset) - 1


def test_an_epoch_that_leaves_out_damaged_chunks_ends_where_the_whole_store_was_replaced(faces: Path) -> None:
    batches = faceshards.open(faces).batches(4, threads=0, on_error="skip")
    next(batches)
    replace(faces)
    with pytest.raises(ReplacedStoreError, match=OTHER):
        list(batches)


def test_a_process_that_is_sent_a_store_never_opens_the_next_version_in_its_place(faces: Path) -> None:
    sent = pickle.dumps(Store.open(faces))
    replace(faces)
    with pytest.raises(CorruptShardError, match=OTHER):
        pickle.loads(sent)  # noqa: S301 (written above)


def test_a_store_that_was_replaced_by_its_own_copy_is_read_on(faces: Path) -> None:
    store = Store.open(faces)
    store.read("train", "image", 0, 1)
    shutil.copytree(faces, faces.parent / "copy")
    shutil.rmtree(faces)
    (faces.parent / "copy").rename(faces)
    assert (store.read("train", "image", 8, 9) == face_arrays("train", 8, 9)["image"]).all()


@pytest.mark.parametrize("fewer_rows", [False, True], ids=["nothing", "a smaller store"])
def test_an_epoch_that_leaves_out_damaged_chunks_ends_where_the_whole_store_is_gone(
    faces: Path, fewer_rows: bool
) -> None:
    batches = faceshards.open(faces).batches(4, threads=0, on_error="skip")
    for _ in range(4):
        next(batches)
    faces.rename(faces.parent / "elsewhere")  # as a disk does that is unmounted
    if fewer_rows:
        build_faces(faces.parent / "next", faces, face_spec({"train": 16}, profile="fast"))
    found = "another version of it" if fewer_rows else "no store"
    with pytest.raises(ReplacedStoreError, match=f"found {found} in its place"):
        list(batches)


def test_a_store_without_its_description_is_read_no_further(faces: Path) -> None:
    store = Store.open(faces)
    (faces / DATASET_JSON).unlink()
    with pytest.raises(ReplacedStoreError, match="found no store in its place"):
        store.read("train", "image", 16, 17)

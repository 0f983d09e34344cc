"""A store whose hashes all agree and that says what no store is: refused where it is read, and named by `verify`."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from edited_stores import with_description, with_file
from stores import copy_of_faces, face_spec

import faceshards
from faceshards.errors import CorruptShardError, StoreFormatError
from faceshards.store.reader import Store
from faceshards.store.verify import verify
from faceshards.store.zstdframe import content_size, refuse_other_length

METADATA = "train.zarr/image/zarr.json"
GROUP = "train.zarr/zarr.json"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return copy_of_faces(tmp_path / "store", face_spec({"train": 12, "val": 2}))


def setting(keys: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Sets one value of JSON, named as errors name it; a value of `...` is taken away."""

    def change(content: Any) -> None:
        *above, last = [int(key) if key.isdecimal() else key for key in keys.split(".")]
        for key in above:
            content = content[key]
        if value is ...:
            del content[last]
        else:
            content[last] = value

    return change


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        ("format", "zarr", "format: expected \"faceshards\"; found 'zarr'"),
        ("format_version", 0, "format_version: expected a whole number from 1"),
        ("format_version", True, "format_version: expected a whole number from 1"),
        ("chunk_rows", -2, "chunk_rows: expected a whole number from 1"),
        ("chunk_rows", 0, "chunk_rows: expected a whole number from 1"),
        ("chunk_rows", 4.0, "chunk_rows: expected a whole number from 1"),
        ("chunk_rows", 3, "shard_rows: expected a multiple of chunk_rows, which is 3"),
        ("shard_rows", "8", "shard_rows: expected a whole number"),
        ("profile", "fastest", "profile: expected one of portable, compact, fast, source"),
        ("splits", {}, "splits: expected at least one"),
        ("splits", [], "splits: expected an object"),
        ("splits.train.rows", -1, r"splits\.train\.rows: expected a whole number from 0"),
        ("splits.train.rows", 10**9, r"splits\.train\.shards: expected 125000000"),
        ("splits.train.classes", ..., r"splits\.train: expected an object with 'classes'"),
        ("splits.train.classes", [[5, 5]], r"splits\.train\.classes\[0\]: expected a range"),
        ("splits.train.classes", [[0, 2**60]], "expected a whole number from 0 to 281474976710656"),
        ("splits.train.samples", 13, r"splits\.train\.samples: expected a whole number from 0 to 12"),
        ("samples", 3, "samples: expected 14"),
        ("arrays", {}, "arrays: expected at least one"),
        ("arrays.image.shape", [8, 8, 4], r"arrays\.image\.shape: expected 3 along 'channel', as in every image"),
        ("arrays.image.shape", [8, 9, 3], "expected [89] along 'x'"),
        ("arrays.image.dtype", "int8", r'arrays\.image\.dtype: expected "uint8"'),
        ("arrays.image.dtype", "O", "expected one of bool, int8"),
        ("arrays.image.fill_value", 256, "expected a value of uint8"),
        ("arrays.image.fill_value", False, "expected a value of uint8"),
        ("arrays.region.dimension_names", ["y", "y"], "each another"),
        ("arrays.usable", ..., "expected an array 'usable' among them"),
        ("arrays.variant.shape", [60000, 60000, 8, 3], "expected at most 1073741824 bytes in a chunk of 4 rows"),
        ("files", {}, r"files: expected an object with 'manifest\.parquet'"),
        ("files.README.md", 1, "README"),
        ("provenance", [], "provenance: expected an object"),
        ("licence", 3, "licence: expected text"),
    ],
)
def test_a_description_of_no_store_is_refused_by_its_key(store: Path, keys: str, value: Any, message: str) -> None:
    if keys == "files.README.md":
        with_description(store, lambda content: content["files"].update({"README.md": value}))
    else:
        with_description(store, setting(keys, value))
    with pytest.raises(StoreFormatError, match=message) as error:
        faceshards.open(store)
    assert "dataset.json" in str(error.value)
    assert "build the store again" in str(error.value)
    with pytest.raises(StoreFormatError, match=message):
        verify(store)


def test_more_rows_than_there_are_files_for_are_refused_at_once(store: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["splits"]["train"] |= {"rows": 10**9, "shards": 125_000_000}

    with_description(store, change)
    with pytest.raises(StoreFormatError, match=r"files\.parquet: expected the 7\d{8} files that dataset.json comes to"):
        faceshards.open(store)
    assert ("files.parquet", "inconsistent") in {(p.path, p.kind) for p in verify(store).problems}


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ("shape", [13, 8, 8, 3]),
        ("shape.0", 12.0),
        ("data_type", "int8"),
        ("chunk_grid.configuration.chunk_shape", [4, 8, 8, 3]),
        ("chunk_key_encoding.configuration.separator", "/"),
        ("codecs", []),
        ("codecs.0.configuration.chunk_shape", [0, 8, 8, 3]),
        ("codecs.0.configuration.codecs", []),
        ("codecs.0.configuration.index_location", "start"),
        ("fill_value", True),
        ("dimension_names", None),
        ("node_type", "group"),
        ("zarr_format", 2),
    ],
)
def test_metadata_of_another_array_are_refused_and_named(store: Path, keys: str, value: Any) -> None:
    for file, prefix in ((METADATA, ""), (GROUP, "consolidated_metadata.metadata.image.")):
        edited = Path(shutil.copytree(store, store.with_name(file.replace("/", "-"))))
        content = json.loads((edited / file).read_bytes())
        setting(prefix + keys, value)(content)
        with_file(edited, file, json.dumps(content).encode())
        assert (file, "inconsistent") in {(p.path, p.kind) for p in verify(edited).problems}
        if file == METADATA:
            with pytest.raises(StoreFormatError, match=rf"image/zarr\.json: {keys.split('.')[0]}"):
                faceshards.open(edited)[:]
            assert len(Store.open(edited).read("train", "region")) == 12, "other arrays are read"


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"[" * 100_000, b"\xff", b'{"shape": 1e999}'])
def test_metadata_that_are_no_json_are_refused_and_named(store: Path, data: bytes) -> None:
    with_file(store, METADATA, data)
    with pytest.raises(StoreFormatError, match=r"image/zarr\.json"):
        faceshards.open(store)[:]
    assert (METADATA, "inconsistent") in {(p.path, p.kind) for p in verify(store).problems}


def test_a_frame_that_is_shorter_than_its_chunk_never_shows_what_was_decoded_before() -> None:
    frame = np.frombuffer(zstandard.ZstdCompressor().compress(b"abc" * 100), np.uint8)
    refuse_other_length(frame, 300)
    for wrong in (frame[:4], frame[:0], np.zeros(20, np.uint8)):
        with pytest.raises(ValueError, match="of None bytes, where 300"):
            refuse_other_length(wrong, 300)
    with pytest.raises(ValueError, match="a Zstandard frame of 300 bytes, where 301 are expected"):
        refuse_other_length(frame, 301)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 65_791, 65_792, 2**20 + 1])
def test_a_frame_says_how_long_its_content_is(size: int) -> None:
    assert content_size(zstandard.ZstdCompressor().compress(bytes(size))[:18]) == size


def test_a_pipe_in_place_of_a_file_is_no_wait(store: Path) -> None:
    for file in ("train.zarr/image/c.0.0.0.0", METADATA):
        (store / file).unlink()
        os.mkfifo(store / file)
    with pytest.raises(CorruptShardError, match="expected a file, found a folder, a pipe or a device"):
        faceshards.open(store)[:]
    assert {p.kind for p in verify(store).problems} == {"missing"}


def test_names_that_a_terminal_would_obey_are_shown_as_text(store: Path) -> None:
    (store / "a\x1b[2Jb").write_bytes(b"")
    (problem,) = verify(store).problems
    assert str(problem).startswith(r"a\x1b[2Jb: unlisted")


def test_verify_reads_no_file_of_another_length_and_none_that_is_not_listed(store: Path) -> None:
    for name in ("train.zarr/image/c.0.0.0.0", "notes.bin"):
        with (store / name).open("r+b" if "/" in name else "wb") as file:
            file.truncate(2**40)  # a hole, which takes hours to hash
    found = [str(problem) for problem in verify(store).problems]
    assert any(said.startswith("train.zarr/image/c.0.0.0.0: changed: ") for said in found)
    assert any("found 1,099,511,627,776 bytes in place of" in said for said in found)
    assert "notes.bin: unlisted: the store does not list this file" in found

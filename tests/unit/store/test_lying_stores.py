"""A store whose hashes all agree and that says what no store is: refused where it is read, and named by `verify`."""

import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from edited_stores import with_description, with_file, with_manifest
from stores import build_faces, face_spec

import faceshards
from faceshards.errors import CorruptShardError, ExportError, FaceShardsError, StoreFormatError
from faceshards.export.fiftyone import export_fiftyone
from faceshards.store.reader import Store
from faceshards.store.schema import COLUMN_TYPES, INVENTORY, MANIFEST
from faceshards.store.verify import verify
from faceshards.store.zstdframe import content_size, refuse_other_length

METADATA = "train.zarr/image/zarr.json"
GROUP = "train.zarr/zarr.json"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store")
    return build_faces(root / "work", root / "out", face_spec({"train": 12, "val": 2}))


@pytest.fixture
def store(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "store"))


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


def edited_table(store: Path, file: str, change: Callable[[pa.Table], pa.Table]) -> Path:
    table = change(pq.read_table(store / file))
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=12)
    return with_file(store, file, sink.getvalue())


def without(name: str) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.drop_columns([name])


def cast(name: str, to: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.set_column(table.column_names.index(name), name, table[name].cast(to))


def filled(name: str, value: Any) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        values = pa.repeat(pa.scalar(value, table[name].type), len(table))
        return table.set_column(table.column_names.index(name), table.schema.field(name), values)

    return change


@pytest.mark.parametrize(
    ("file", "change"),
    [
        *((MANIFEST, without(name)) for name in ("sample_id", "split", "row", "status", "identity")),
        (MANIFEST, cast("row", pa.int64())),
        (MANIFEST, cast("identity", pa.string())),
        (MANIFEST, cast("sample_id", pa.binary())),
        (MANIFEST, lambda table: pa.concat_tables([table] * 3)),
        (MANIFEST, filled("row", 1000)),
        *((INVENTORY, without(name)) for name in ("path", "crc32c", "shard")),
        (INVENTORY, cast("bytes", pa.int32())),
        (INVENTORY, filled("path", "../../EVIL")),
        (INVENTORY, filled("sha256", "0")),
        (INVENTORY, filled("crc32c", b"\0\0\0")),
        (INVENTORY, filled("bytes", 3)),
        (INVENTORY, lambda table: table.slice(1)),
        (INVENTORY, lambda table: table.take(list(range(len(table)))[::-1])),
    ],
)
def test_tables_of_no_store_are_refused_and_named(
    store: Path, file: str, change: Callable[[pa.Table], pa.Table]
) -> None:
    edited_table(store, file, change)
    with pytest.raises(FaceShardsError, match=file.replace(".", r"\.")):
        faceshards.open(store)
    assert {"inconsistent", "undecodable"} & {
        problem.kind for problem in verify(store).problems if problem.path == file
    }


def test_rows_of_a_split_that_nobody_knows_are_refused(store: Path) -> None:
    data = (store / MANIFEST).read_bytes()
    # The statistics by which rows are found lie in the footer, which has no checksum of its own.
    footer = len(data) - int.from_bytes(data[-8:-4], "little")
    lied = data[:footer] + data[footer:].replace(b"\x03val", b"\x03vam")
    assert lied != data
    with_file(store, MANIFEST, lied)
    with pytest.raises(StoreFormatError, match=r"manifest\.parquet: expected rows of the splits train, val"):
        faceshards.open(store, "val")


def test_rows_of_a_split_under_the_statistics_of_another_are_refused(tmp_path: Path) -> None:
    store = build_faces(tmp_path / "work", tmp_path / "out", face_spec({"tra": 4, "val": 2}))
    data = (store / MANIFEST).read_bytes()
    footer = len(data) - int.from_bytes(data[-8:-4], "little")
    exchanged = data[footer:].replace(b"\x03val", b"\x03xxx").replace(b"\x03tra", b"\x03val")
    with_file(store, MANIFEST, data[:footer] + exchanged.replace(b"\x03xxx", b"\x03tra"))
    for split in ("tra", "val"):
        with pytest.raises(StoreFormatError, match=rf"expected shards 0\.\.0 of '{split}' in row group"):
            faceshards.open(store, split)


def test_faces_that_are_left_out_of_the_manifest_are_missed(store: Path) -> None:
    with_manifest(store, lambda table: table.slice(1))
    with pytest.raises(StoreFormatError, match=r"expected 12 usable faces of split 'train'.* found 11"):
        faceshards.open(store)
    detail = "11 usable samples of split 'train', where dataset.json says 12"
    assert detail in {problem.detail for problem in verify(store).problems}


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


def test_a_text_that_is_stored_once_is_not_decoded_for_every_row(store: Path) -> None:
    def repeated(manifest: pa.Table) -> pa.Table:
        return with_values(manifest, "source_id", ["x" * 500_000] * manifest.num_rows)

    with_manifest(store, repeated)
    assert (store / MANIFEST).stat().st_size < 100_000
    with pytest.raises(StoreFormatError, match=r"bytes in 12 rows.*found 6,000,000 in 'source_id'"):
        _ = Store.open(store).manifest
    assert {problem.path for problem in verify(store).problems} == {MANIFEST}


def test_a_page_is_not_decoded_that_claims_more_than_its_rows_can_have(store: Path) -> None:
    def long(manifest: pa.Table) -> pa.Table:
        return with_values(manifest, "source_id", [f"{i}{'x' * 500_000}" for i in range(manifest.num_rows)])

    with pytest.raises(StoreFormatError, match="found 6,"):
        _ = Store.open(with_manifest(store, long)).manifest


@pytest.mark.parametrize("values", [[["a"]], [b"\0" * 5000]], ids=["in lists", "of one length"])
def test_texts_are_columns_of_their_own(store: Path, values: list[Any]) -> None:
    type_ = pa.binary(5000) if isinstance(values[0], bytes) else None

    def odd(manifest: pa.Table) -> pa.Table:
        return manifest.append_column("x", pa.array(values * manifest.num_rows, type_))

    with pytest.raises(StoreFormatError, match=r"expected texts of at most 4096 bytes, in no lists; found .* 'x"):
        _ = Store.open(with_manifest(store, odd)).manifest


def test_an_inventory_is_no_longer_than_one_of_so_many_files_can_be(store: Path) -> None:
    with_description(store, lambda info: info["files"][INVENTORY].update(bytes=2**40))
    with pytest.raises(StoreFormatError, match=r"expected at most [\d,]+ bytes for 32 files; found 1,099,511,627,776"):
        Store.open(store).read_inventory()


def test_verify_reads_no_file_of_another_length_and_none_that_is_not_listed(store: Path) -> None:
    for name in ("train.zarr/image/c.0.0.0.0", "notes.bin"):
        with (store / name).open("r+b" if "/" in name else "wb") as file:
            file.truncate(2**40)  # a hole, which takes hours to hash
    found = [str(problem) for problem in verify(store).problems]
    assert any(said.startswith("train.zarr/image/c.0.0.0.0: changed: ") for said in found)
    assert any("found 1,099,511,627,776 bytes in place of" in said for said in found)
    assert "notes.bin: unlisted: the store does not list this file" in found


def with_values(manifest: pa.Table, name: str, values: list[str]) -> pa.Table:
    return manifest.set_column(manifest.column_names.index(name), manifest.schema.field(name), pa.array(values))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.5, 1.5])
@pytest.mark.parametrize("name", ["confidence", "mirror_agreement", "region_confidence"])
def test_a_share_that_is_no_share_is_named_by_verify_and_written_to_no_json(
    store: Path, tmp_path: Path, name: str, value: float
) -> None:
    listed = pa.types.is_fixed_size_list(COLUMN_TYPES[name])
    shares = [[0.5] * 24 + [None] if listed else 0.5, None, [0.5] * 24 + [value] if listed else value]

    def measured(table: pa.Table) -> pa.Table:
        column = pa.array([*shares, *[None] * (table.num_rows - 3)], COLUMN_TYPES[name])
        return table.append_column(pa.field(name, column.type), column)

    problems = [problem.detail for problem in verify(with_manifest(store, measured)).problems]
    assert problems == [f"{name} that is no number from 0 to 1: 1 sample (first: train-0002)"]
    if not np.isfinite(value):
        with pytest.raises(ExportError, match="which JSON has not"):
            export_fiftyone(Store.open(store), tmp_path / "out")
        assert not (tmp_path / "out").exists()

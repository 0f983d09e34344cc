"""Tables of a store whose hashes agree and that no build writes: refused where they are read, and named by `verify`."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from edited_stores import with_description, with_file, with_manifest
from stores import build_faces, copy_of_faces, face_spec

import faceshards
from faceshards.errors import ExportError, FaceShardsError, StoreFormatError
from faceshards.export.fiftyone import export_fiftyone
from faceshards.store.reader import Store
from faceshards.store.schema import COLUMN_TYPES, INVENTORY, MANIFEST
from faceshards.store.tables import TableFile, table_errors
from faceshards.store.verify import verify


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return copy_of_faces(tmp_path / "store", face_spec({"train": 12, "val": 2}))


def edited_table(store: Path, file: str, change: Callable[[pa.Table], pa.Table]) -> Path:
    table = change(pq.read_table(store / file))
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=12)
    return with_file(store, file, sink.getvalue())


def without(name: str) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.drop_columns([name])


def cast(name: str, to: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.set_column(table.column_names.index(name), name, table[name].cast(to))


def with_values(table: pa.Table, name: str, values: list[str] | pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), table.schema.field(name), pa.array(values))


def filled(name: str, value: Any) -> Callable[[pa.Table], pa.Table]:
    return lambda table: with_values(table, name, pa.repeat(pa.scalar(value, table[name].type), len(table)))


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


def test_columns_of_another_type_than_the_schema_says_are_refused_where_arrow_ends_the_process(store: Path) -> None:
    data = (store / MANIFEST).read_bytes()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    int32, int64 = b"\x15\x02\x19", b"\x15\x04\x19"  # how the description of a column begins
    assert int32 in data[footer:]
    edited = data[:footer] + data[footer:].replace(int32, int64)
    with pytest.raises(StoreFormatError, match=r"expected columns stored as .*INT32.*found"), table_errors("manifest"):
        TableFile(pa.BufferReader(edited), "manifest")


def test_an_inventory_is_no_longer_than_one_of_so_many_files_can_be(store: Path) -> None:
    with_description(store, lambda info: info["files"][INVENTORY].update(bytes=2**40))
    with pytest.raises(StoreFormatError, match=r"expected at most [\d,]+ bytes for 32 files; found 1,099,511,627,776"):
        Store.open(store).read_inventory()


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

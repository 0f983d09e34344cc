import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from edited_stores import with_manifest
from stores import build_faces, face_spec

import faceshards
from faceshards.errors import CorruptShardError, MissingShardError, StoreFormatError
from faceshards.store.finish import finish
from faceshards.store.reader import Store
from faceshards.store.schema import MANIFEST, OK, ArraySpec, SplitSpec, StoreSpec
from faceshards.store.verify import verify
from faceshards.store.writer import create, write_shard


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    return build_faces(folder / "work", folder / "faces", face_spec({"train": 5000, "val": 3}, shard_rows=800))


@pytest.fixture
def faces(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "faces"))


def test_the_parts_of_a_manifest_are_the_manifest(faces: Path) -> None:
    store = Store.open(faces)
    parts = list(store.manifest_parts())
    assert [part.num_rows for part in parts] == [2400, 2400, 200, 3]
    assert pa.concat_tables(parts).equals(store.manifest)


def test_parts_are_of_the_columns_and_the_split_that_are_asked_for(faces: Path) -> None:
    [part] = Store.open(faces).manifest_parts(["row", "sample_id"], "val")
    assert part.to_pydict() == {"row": [0, 1, 2], "sample_id": ["val-0000", "val-0001", "val-0002"]}


def test_a_part_is_handed_out_only_once_the_whole_file_was_held_against_its_hash(faces: Path) -> None:
    data = bytearray((faces / MANIFEST).read_bytes())
    data[len(data) // 2] ^= 1
    (faces / MANIFEST).write_bytes(data)
    with pytest.raises(CorruptShardError, match="expected SHA-256"):
        next(Store.open(faces).manifest_parts(["status"]))
    (faces / MANIFEST).unlink()
    with pytest.raises(MissingShardError, match=MANIFEST):
        next(Store.open(faces).manifest_parts())


def test_a_manifest_whose_row_groups_mix_splits_is_refused_by_all_who_read_it(faces: Path) -> None:
    with_manifest(faces, lambda rows: rows, together=True)
    store = Store.open(faces)
    with pytest.raises(StoreFormatError, match="row groups of whole shards of one split"):
        next(store.manifest_parts())
    with pytest.raises(StoreFormatError, match="row groups of whole shards of one split"):
        store.rows("train", 0)
    with pytest.raises(StoreFormatError, match="row groups of whole shards of one split"):
        faceshards.open(faces, split="train")
    assert [(problem.path, problem.kind) for problem in verify(faces).problems] == [(MANIFEST, "inconsistent")]


@pytest.mark.parametrize("column", ["split", "shard"])
def test_a_row_group_that_does_not_say_what_it_holds_is_refused(faces: Path, column: str) -> None:
    def emptied(rows: pa.Table) -> pa.Table:
        at = rows.column_names.index(column)
        return rows.set_column(at, rows.field(at).with_nullable(True), pa.nulls(len(rows), rows.field(at).type))

    with_manifest(faces, emptied, together=column == "split")
    with pytest.raises(StoreFormatError, match="row groups of whole shards of one split"):
        Store.open(faces).rows("train", 0)


@pytest.mark.parametrize("row", [-1, 5000, 3])
def test_a_face_in_a_row_that_is_not_its_own_is_refused_by_the_loader(faces: Path, row: int) -> None:
    def misplaced(rows: pa.Table) -> pa.Table:
        places = rows["row"].to_pylist()
        places[4] = row
        return rows.set_column(rows.column_names.index("row"), "row", pa.array(places, pa.int32()))

    with_manifest(faces, misplaced)
    with pytest.raises(StoreFormatError, match="ascending order below 5000"):
        faceshards.open(faces, split="train")


def test_shards_of_any_number_of_rows_can_be_read_as_they_were_written(tmp_path: Path) -> None:
    # A group holds the first two shards, of which the first has few faces.
    shard_rows, holes = 1 << 16, (1 << 16) - 1500
    extent = SplitSpec(3 * shard_rows, ((0, 1),))
    spec = StoreSpec("people", "CC0-1.0", (ArraySpec("identity", "int64"),), {"train": extent}, shard_rows, shard_rows)
    create(tmp_path, spec)
    for split, shard in spec.shards:
        at = np.arange(holes if shard == 0 else 0, shard_rows)
        face = {"source_id": "", "identity": 0, "status": OK}
        rows = [{"sample_id": f"{shard}-{row}", **face} for row in at.tolist()]
        table = pa.Table.from_pylist(rows, spec.rows_schema)
        write_shard(tmp_path, spec, split, shard, {"identity": np.zeros(shard_rows, np.int64)}, table, at)
    finish(tmp_path, spec, {})
    store = Store.open(tmp_path)
    assert [store.rows("train", shard).num_rows for shard in range(3)] == [1500, shard_rows, shard_rows]
    assert len(faceshards.open(tmp_path, split="train", fields=["identity"])) == 1500 + 2 * shard_rows
    assert verify(tmp_path).ok

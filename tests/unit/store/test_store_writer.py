import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from stores import build_faces, face_arrays, face_spec, manifest_rows, sample_id, tree, write_face_shard

from faceshards.errors import MissingShardError, StoreSpecError
from faceshards.store.finish import finish
from faceshards.store.reader import Store
from faceshards.store.schema import PLAN_KEY, SplitSpec
from faceshards.store.verify import verify
from faceshards.store.writer import create, is_committed, write_shard


def test_a_build_leaves_the_store_and_nothing_else(tmp_path: Path) -> None:
    build_faces(tmp_path / "work", tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    files = tree(tmp_path / "out")
    assert {name for name in files if "/" not in name} == {
        "README.md",
        "dataset.json",
        "files.parquet",
        "manifest.parquet",
    }
    assert "train.zarr/image/c.2.0.0.0" in files


def test_two_processes_in_any_order_write_the_same_bytes_as_one(tmp_path: Path) -> None:
    one = build_faces(tmp_path / "work-1", tmp_path / "one")
    spec, work = face_spec(), tmp_path / "work-2"
    create(work, spec)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        for task in [pool.submit(write_face_shard, work, spec, *at) for at in reversed(spec.shards)]:
            task.result()
    build_faces(work, tmp_path / "two", spec)
    assert tree(one) == tree(tmp_path / "two")


def test_a_committed_shard_is_not_written_again(tmp_path: Path) -> None:
    spec = face_spec()
    create(tmp_path, spec)
    assert not is_committed(tmp_path, "train", 1)
    write_face_shard(tmp_path, spec, "train", 1)
    assert is_committed(tmp_path, "train", 1)
    before = tree(tmp_path)
    others = {name: np.zeros_like(data) for name, data in face_arrays("train", 8, 16).items()}
    write_shard(tmp_path, spec, "train", 1, others, manifest_rows(spec, "train", 8, others))
    assert tree(tmp_path) == before


def test_a_finished_work_folder_counts_as_committed_and_stays_as_it_is(tmp_path: Path) -> None:
    out = build_faces(tmp_path / "work", tmp_path / "out")
    before = tree(out)
    spec = face_spec()
    create(out, spec)
    write_face_shard(out, spec, "val", 0)
    finish(out, spec, {"seed": 1})
    assert tree(out) == before


def test_work_begun_with_another_spec_is_refused(tmp_path: Path) -> None:
    create(tmp_path, face_spec())
    with pytest.raises(StoreSpecError, match="another spec"):
        create(tmp_path, face_spec({"train": 22, "val": 3}))


def test_finish_names_the_shards_that_are_not_written(tmp_path: Path) -> None:
    spec = face_spec()
    create(tmp_path, spec)
    write_face_shard(tmp_path, spec, "train", 1)
    with pytest.raises(MissingShardError, match="train-0, train-2, val-0"):
        finish(tmp_path, spec, {})


def test_finish_notices_that_a_committed_file_has_gone(tmp_path: Path) -> None:
    spec = face_spec()
    create(tmp_path, spec)
    for at in spec.shards:
        write_face_shard(tmp_path, spec, *at)
    (tmp_path / "train.zarr/image/c.1.0.0.0").unlink()
    with pytest.raises(MissingShardError, match=r"c\.1\.0\.0\.0"):
        finish(tmp_path, spec, {})


def test_publishing_replaces_what_was_there_whole(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old.bin").write_bytes(b"old")
    build_faces(tmp_path / "work", tmp_path / "out")
    assert "old.bin" not in tree(tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("image", np.zeros((8, 8, 8, 4), np.uint8)),
        ("image", np.zeros((7, 8, 8, 3), np.uint8)),
        ("image", np.zeros((8, 8, 8, 3), np.float32)),
        ("stranger", np.zeros(8)),
    ],
)
def test_arrays_that_do_not_fit_the_spec_are_refused_by_name(tmp_path: Path, name: str, wrong: np.ndarray) -> None:
    spec = face_spec()
    create(tmp_path, spec)
    arrays = face_arrays("train", 0, 8)
    rows = manifest_rows(spec, "train", 0, arrays)
    with pytest.raises(StoreSpecError, match=f"shard 0 of split 'train': {name}: expected"):
        write_shard(tmp_path, spec, "train", 0, {**arrays, name: wrong}, rows)
    assert not is_committed(tmp_path, "train", 0)


def test_manifest_rows_must_be_one_a_row_and_of_the_schema(tmp_path: Path) -> None:
    spec = face_spec()
    create(tmp_path, spec)
    arrays = face_arrays("train", 0, 8)
    rows = manifest_rows(spec, "train", 0, arrays)
    with pytest.raises(StoreSpecError, match="has 8 rows; got 7 manifest rows for 8 of them"):
        write_shard(tmp_path, spec, "train", 0, arrays, rows.slice(1))
    with pytest.raises(StoreSpecError, match="schema"):
        write_shard(tmp_path, spec, "train", 0, arrays, rows.drop_columns(["reason"]))


@pytest.mark.parametrize(("group_rows", "groups"), [(1, [8, 8, 5, 3]), (9, [16, 5, 3]), (2048, [21, 3])])
def test_the_manifest_is_in_the_order_of_the_rows_in_row_groups_of_whole_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group_rows: int, groups: list[int]
) -> None:
    monkeypatch.setattr("faceshards.store.finish._GROUP_ROWS", group_rows)
    store = Store.open(build_faces(tmp_path / "work", tmp_path / "out"))
    rows = [(split, row) for split, n in store.splits.items() for row in range(n)]
    manifest = store.manifest
    assert list(zip(manifest["split"].to_pylist(), manifest["row"].to_pylist(), strict=True)) == rows
    found = pq.ParquetFile(store.path / "manifest.parquet").metadata
    assert [found.row_group(i).num_rows for i in range(found.num_row_groups)] == groups
    for split, shard in store.shards:
        here = pc.field("split") == split, pc.field("shard") == shard
        assert store.rows(split, shard).equals(manifest.filter(here[0] & here[1]))


def test_a_sample_that_dropped_out_keeps_its_row_and_a_removed_one_leaves_a_hole(tmp_path: Path) -> None:
    dropped, removed = {"train-0003", "val-0000"}, {"train-0009", "train-0020"}
    store = Store.open(build_faces(tmp_path / "work", tmp_path / "out", dropped=dropped, removed=removed))
    manifest = store.manifest
    out = [row for row in manifest.to_pylist() if row["status"] != "ok"]
    assert [(row["sample_id"], row["reason"], row["split"], row["row"]) for row in out] == [
        ("train-0003", "no_face", "train", 3),
        ("val-0000", "no_face", "val", 0),
    ]
    assert not removed & set(manifest["sample_id"].to_pylist())
    assert np.flatnonzero(~store.read("train", "usable")).tolist() == [3, 9, 20]
    assert np.flatnonzero(~store.read("val", "usable")).tolist() == [0]
    assert verify(store.path).ok


def test_a_shard_of_holes_has_no_rows(tmp_path: Path) -> None:
    gone = {sample_id("train", row) for row in range(8, 16)}
    store = Store.open(build_faces(tmp_path / "work", tmp_path / "out", removed=gone))
    assert store.rows("train", 1).num_rows == 0
    assert store.rows("train", 2)["row"].to_pylist() == [16, 17, 18, 19, 20]
    assert verify(store.path).ok


def test_the_manifest_alone_says_what_each_split_has_given_away(tmp_path: Path) -> None:
    manifest = build_faces(tmp_path / "work", tmp_path / "out") / "manifest.parquet"
    extents = json.loads(pq.read_schema(manifest).metadata[PLAN_KEY])
    assert extents["splits"] == {
        "train": {"rows": 21, "classes": [[0, 5]]},
        "val": {"rows": 3, "classes": [[0, 5]]},
    }


def test_two_samples_of_one_id_are_refused(tmp_path: Path) -> None:
    spec = face_spec()
    create(tmp_path, spec)
    for split, shard in spec.shards:
        start, stop = spec.shard_range(split, shard)
        arrays = face_arrays(split, start, stop)
        rows = manifest_rows(spec, "train", start, arrays)
        write_shard(tmp_path, spec, split, shard, arrays, rows)
    with pytest.raises(StoreSpecError, match="share the sample_id 'train-0000'"):
        finish(tmp_path, spec, {})


def test_a_class_id_of_another_split_is_refused(tmp_path: Path) -> None:
    spec = replace(face_spec(), splits={"train": SplitSpec(21, ((0, 4),)), "val": SplitSpec(3, ((4, 9),))})
    create(tmp_path, spec)
    for split, shard in spec.shards:
        write_face_shard(tmp_path, spec, split, shard)
    with pytest.raises(StoreSpecError, match=r"split 'train' has the class ids \[\(0, 4\)\]; its faces have \[4\]"):
        finish(tmp_path, spec, {})


def test_provenance_and_counts_are_in_dataset_json(tmp_path: Path) -> None:
    info = Store.open(build_faces(tmp_path / "work", tmp_path / "out")).info
    assert info["provenance"] == {"seed": 0}
    assert (info["samples"], info["skipped"]) == (24, 0)
    assert info["splits"]["train"] == {"rows": 21, "classes": [[0, 5]], "samples": 21, "shards": 3}


def test_a_split_may_be_empty(tmp_path: Path) -> None:
    spec = face_spec({"train": 5, "val": 0})
    store = Store.open(build_faces(tmp_path / "work", tmp_path / "out", spec))
    assert store.read("val", "image").shape == (0, 8, 8, 3)


def test_documents_see_the_hashes_of_the_tables(tmp_path: Path) -> None:
    spec = replace(face_spec({"train": 1}), columns=())
    create(tmp_path, spec)
    arrays = face_arrays("train", 0, 1)
    rows = manifest_rows(face_spec(), "train", 0, arrays).select(spec.rows_schema.names)
    write_shard(tmp_path, spec, "train", 0, arrays, rows)
    finish(tmp_path, spec, {}, lambda content: {"croissant.json": content["files"]["manifest.parquet"]["sha256"]})
    assert (tmp_path / "croissant.json").read_text() == tree(tmp_path)["manifest.parquet"]

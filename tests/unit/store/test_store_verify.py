import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from edited_stores import with_manifest
from stores import build_faces, copy_of_faces, face_arrays, face_spec, manifest_rows, tree

from faceshards.build import sureness
from faceshards.build.alignedrows import FACE_SIZE, HAS_TRUTH, ROLL
from faceshards.build.erase import SEED, VERSION, WEIGHTS_SHA256
from faceshards.errors import StoreFormatError, StoreSpecError
from faceshards.store.finish import finish
from faceshards.store.invariants import manifest_problems
from faceshards.store.reader import Store
from faceshards.store.schema import COLUMN_TYPES, REGION_PX, SplitSpec
from faceshards.store.sha256sums import write_sha256sums
from faceshards.store.verify import Problem, verify
from faceshards.store.witness import Witness
from faceshards.store.writer import create, write_shard


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    return copy_of_faces(tmp_path / "out", face_spec())


def kinds(problems: tuple[Problem, ...]) -> set[tuple[str, str]]:
    return {(p.path, p.kind) for p in problems}


def test_a_sound_store_has_no_problems(faces: Path) -> None:
    report = verify(faces)
    assert report.ok
    assert report.problems == ()
    assert (report.files, report.rows) == (len(tree(faces)), 24)


def test_progress_ends_when_every_byte_is_hashed_and_every_row_decoded(faces: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = verify(faces, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    done, total = seen[-1]
    decoded = sum(array.nbytes for array in face_arrays("train", 0, 24).values()) + 24  # and `usable`
    assert done == total == report.bytes + decoded


def test_everything_that_is_wrong_is_listed_not_only_the_first(faces: Path) -> None:
    (faces / "train.zarr/image/c.0.0.0.0").unlink()
    (faces / "README.md").write_text("edited")
    (faces / "train.zarr/notes.txt").write_text("a stranger")
    shard = faces / "val.zarr/region/c.0.0.0"
    shard.write_bytes(shard.read_bytes()[:-1])
    report = verify(faces)
    assert not report.ok
    assert kinds(report.problems) == {
        ("train.zarr/image/c.0.0.0.0", "missing"),
        ("README.md", "changed"),
        ("train.zarr/notes.txt", "unlisted"),
        ("val.zarr/region/c.0.0.0", "changed"),
        ("val.zarr/region/c.0.0.0", "undecodable"),
    }
    assert all(str(p).startswith(f"{p.path}: {p.kind}: ") for p in report.problems)


def test_the_gitignore_that_dvc_writes_is_no_problem(faces: Path) -> None:
    (faces / ".gitignore").write_text("/cache")
    assert verify(faces).ok
    (faces / ".gitkeep").write_text("")
    assert kinds(verify(faces).problems) == {(".gitkeep", "unlisted")}


def test_a_damaged_inventory_does_not_hide_a_damaged_document(faces: Path) -> None:
    (faces / "files.parquet").write_bytes(b"PAR1")
    (faces / "README.md").unlink()
    assert kinds(verify(faces).problems) == {("files.parquet", "changed"), ("README.md", "missing")}


def test_a_folder_that_is_no_store_is_an_error_not_a_problem(tmp_path: Path) -> None:
    with pytest.raises(StoreFormatError):
        verify(tmp_path)


Alter = Callable[[dict[str, np.ndarray], pa.Table], tuple[dict[str, np.ndarray], pa.Table]]


def with_column(rows: pa.Table, name: str, values: object) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), rows.schema.field(name), pa.array(values, rows[name].type))


def stray_region(arrays: dict[str, np.ndarray], rows: pa.Table) -> tuple[dict[str, np.ndarray], pa.Table]:
    arrays["region"][1, 2, 3] = 25
    return arrays, with_column(rows, "region_px", [None] * len(rows))


def wrong_area(arrays: dict[str, np.ndarray], rows: pa.Table) -> tuple[dict[str, np.ndarray], pa.Table]:
    arrays["region"][1] = 255
    return arrays, rows


def wrong_mask(arrays: dict[str, np.ndarray], rows: pa.Table) -> tuple[dict[str, np.ndarray], pa.Table]:
    arrays["erased"][1, 0] ^= 1 << 20
    return arrays, rows


def mask_beyond_the_regions(arrays: dict[str, np.ndarray], rows: pa.Table) -> tuple[dict[str, np.ndarray], pa.Table]:
    arrays["erased"][1, 0] = 1 << 25
    return arrays, with_column(rows, "erased", arrays["erased"].tolist())


def wrong_identity(arrays: dict[str, np.ndarray], rows: pa.Table) -> tuple[dict[str, np.ndarray], pa.Table]:
    arrays["identity"][1] = 77
    return arrays, rows


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (stray_region, "region ids other than 0-24 and 255: 1 sample (first: val-0001)"),
        (wrong_area, "region_px is not what the map holds: 1 sample (first: val-0001)"),
        (wrong_mask, "erased differs from the manifest's: 1 sample (first: val-0001)"),
        (mask_beyond_the_regions, "erased masks with bits beyond the 25 regions: 1 sample (first: val-0001)"),
        (wrong_identity, "identity differs from the manifest's: 1 sample (first: val-0001)"),
    ],
)
def test_content_that_contradicts_itself_is_found_though_every_hash_fits(
    tmp_path: Path, alter: Alter, message: str
) -> None:
    spec = face_spec()
    create(tmp_path, spec)
    for split, shard in spec.shards:
        start, stop = spec.shard_range(split, shard)
        arrays = face_arrays(split, start, stop)
        rows = manifest_rows(spec, split, start, arrays)
        if split == "val":
            arrays, rows = alter(arrays, rows)
        write_shard(tmp_path, spec, split, shard, arrays, rows)
    finish(tmp_path, spec, {})
    problems = verify(tmp_path).problems
    assert [(p.path, p.kind) for p in problems] == [("val.zarr", "inconsistent")]
    assert problems[0].detail == f"rows 0..2: {message}"


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([0, 2, 2], "row 2 of shard 0"),
        ([0, 3, 2], "row 2 of shard 0"),
        ([0, 2, 24], "row 24 of shard 0"),
        ([-1, 1, 2], "row -1 of shard 0"),
        ([0, 1, 8], "row 8 of shard 0"),
    ],
    ids=["one row twice", "another order", "behind the split", "before it", "of the next shard"],
)
def test_every_face_has_a_row_of_its_own_in_its_shard_whoever_reads_the_manifest(
    tmp_path: Path, rows: list[int], found: str
) -> None:
    def moved(manifest: pa.Table) -> pa.Table:
        known = manifest["row"].to_pylist()
        return with_column(manifest, "row", rows + known[3:])

    faces = with_manifest(build_faces(tmp_path / "work", tmp_path / "faces"), moved)
    with pytest.raises(StoreFormatError, match=f"expected rows of 'train' in ascending order.*found {found}"):
        _ = Store.open(faces).manifest
    assert kinds(verify(faces).problems) == {("manifest.parquet", "inconsistent")}


@pytest.mark.parametrize("name", ["confidence", "region_px", "region_confidence", "erased", "has_truth", "seed"])
def test_a_column_that_a_stage_writes_is_of_its_type_in_every_manifest(tmp_path: Path, name: str) -> None:
    def other(manifest: pa.Table) -> pa.Table:
        lacking = manifest.drop_columns([name]) if name in manifest.column_names else manifest
        return lacking.append_column(name, pa.array(["much"] * manifest.num_rows))

    faces = with_manifest(build_faces(tmp_path / "work", tmp_path / "faces"), other)
    with pytest.raises(StoreFormatError, match=f"at most one column {name}, of .*found string"):
        _ = Store.open(faces).manifest


def test_the_types_of_columns_that_are_checked_are_those_that_the_stages_write() -> None:
    fields = (*sureness.COLUMNS, *(HAS_TRUTH, FACE_SIZE, ROLL), *(SEED, WEIGHTS_SHA256, VERSION), REGION_PX)
    assert {field.name: field.type for field in fields} == dict(COLUMN_TYPES)


def test_names_and_class_ids_of_faces_are_those_that_a_store_can_have() -> None:
    spec = face_spec({"train": 4})
    rows = manifest_rows(spec, "train", 0, face_arrays("train", 0, 3)).append_column("split", pa.repeat("train", 3))
    assert list(manifest_problems([rows], spec.splits)) == []
    other_people = list(manifest_problems([rows], {"train": SplitSpec(4, ((0, 2),))}))
    assert other_people == ["class id beyond those of its split: 1 sample (first: train-0002)"]


def test_coreutils_checks_the_list_from_the_root_of_the_store(faces: Path, tmp_path: Path) -> None:
    write_sha256sums(faces, tmp_path / "out.sha256")
    check = ["sha256sum", "--check", "--strict", "--quiet", "../out.sha256"]
    assert subprocess.run(check, cwd=faces).returncode == 0
    listed = {line.split("  ")[1] for line in (tmp_path / "out.sha256").read_text().splitlines()}
    assert listed == set(tree(faces))
    (faces / "README.md").write_text("edited")
    assert subprocess.run(check, cwd=faces, capture_output=True).returncode == 1


def test_a_store_rebuilt_otherwise_differs_from_the_list_of_the_first(faces: Path, tmp_path: Path) -> None:
    write_sha256sums(faces, tmp_path / "out.sha256")
    assert verify(faces, against=tmp_path / "out.sha256").ok
    other = build_faces(tmp_path / "work", tmp_path / "other", face_spec({"train": 20, "val": 3, "test": 1}))
    found = kinds(verify(other, against=tmp_path / "out.sha256").problems)
    assert ("dataset.json", "changed") in found
    assert ("test.zarr/zarr.json", "unlisted") in found
    assert ("train.zarr/image/c.0.0.0.0", "changed") not in found


def test_a_list_inside_the_store_is_refused(faces: Path) -> None:
    with pytest.raises(StoreSpecError, match="beside the store"):
        write_sha256sums(faces, faces / "SHA256SUMS")


def test_a_file_that_is_no_such_list_is_refused(faces: Path, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("d41d8cd98f00b204e9800998ecf8427e  md5.bin\n")
    with pytest.raises(StoreFormatError, match="line 1"):
        verify(faces, against=tmp_path / "list")


def test_zarr_python_is_a_witness_of_the_first_and_the_last_chunk_of_every_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = build_faces(tmp_path / "work", tmp_path / "out", face_spec({"train": 21}, 8, 2))
    asked = []
    real = Witness.read
    monkeypatch.setattr(Witness, "read", lambda self, *rows: asked.append(rows) or real(self, *rows))
    assert verify(path).problems == ()
    of_regions = [rows[2:] for rows in asked if rows[1] == "region"]
    assert of_regions == [(0, 2), (6, 8), (8, 10), (14, 16), (16, 18), (20, 21)]
    assert {rows[1] for rows in asked} == set(Store.open(path).arrays)


def test_a_reader_of_ours_that_decodes_wrongly_is_contradicted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = build_faces(tmp_path / "work", tmp_path / "out", face_spec({"train": 8}, 8, 4))
    monkeypatch.setattr("faceshards.store.pixelchunks.restore", lambda values: None)
    found = [str(problem) for problem in verify(path).problems]
    assert "train.zarr/image/c.0.0.0.0: inconsistent: rows 0..3: zarr-python reads other values than we do" in found


def test_a_store_that_zarr_python_cannot_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = build_faces(tmp_path / "work", tmp_path / "out", face_spec({"train": 4}, 4, 4))

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no such codec")

    monkeypatch.setattr("zarr.open_array", refuse)
    found = [str(problem) for problem in verify(path).problems]
    assert "train.zarr/region/c.0.0.0: undecodable: rows 0..3, by zarr-python: no such codec" in found

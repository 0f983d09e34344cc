"""What `diff` says of two versions whose every difference is known."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest
from edited_stores import PROVENANCE, Edit, Row, build_edited, with_manifest
from numpy.typing import NDArray
from stores import ARRAYS, SIDE, SPLITS, arrays_of, build_faces, face_arrays, face_spec, sample_id

from faceshards.errors import CorruptShardError
from faceshards.regions import N_REGIONS, Region
from faceshards.store.reader import Store
from faceshards.store.schema import REGION_PX, ArraySpec, erased_field
from faceshards.versions.address import open_version
from faceshards.versions.diff import diff
from faceshards.versions.difference import Became, Difference, Setting, Some
from faceshards.versions.table import as_markdown, as_text

Face = dict[str, NDArray[Any]]
FACES = 24
ONE = sample_id("train", 3)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_edited(tmp_path_factory.mktemp("before") / "a")


def compare(a: Path, b: Path) -> Difference:
    return diff(open_version(str(a)), open_version(str(b)))


def of_one(change: Edit, which: str = ONE) -> Edit:
    def edit(split: str, row: Row, face: Face) -> None:
        if row["sample_id"] == which:
            change(split, row, face)

    return edit


def changed(found: Difference) -> dict[str, int]:
    return {array.array: array.changed for array in found.arrays if array.changed}


def reads(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """What is read from here on: (name of the store's folder, array)."""
    seen = set()
    read = Store.read

    def watched(store: Store, split: str, array: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        seen.add((store.path.name, array))
        return read(store, split, array, start, stop)

    monkeypatch.setattr(Store, "read", watched)
    return seen


def test_a_copy_is_the_same_version_and_nothing_of_it_is_read(
    before: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Path(shutil.copytree(before, tmp_path / "b"))
    seen = reads(monkeypatch)
    found = compare(before, copy)
    assert found.equal
    assert (found.faces.both, found.regions.share, found.settings, changed(found)) == (FACES, 0.0, (), {})
    assert found.files.files_shared == found.files.files_a == found.files.files_b
    assert not seen
    assert as_text(found) == f"{before} and {copy} are the same version: 24 faces, 42 files, {size(before):,} bytes\n"


def size(store: Path) -> int:
    return sum(file.stat().st_size for file in store.rglob("*") if file.is_file())


def test_a_face_more_is_named_and_the_others_are_as_they_were(before: Path, tmp_path: Path) -> None:
    after = build_edited(tmp_path / "b", spec=face_spec({"train": 22, "val": 3}))
    for found, is_added in ((compare(before, after), True), (compare(after, before), False)):
        new = Some(1, (sample_id("train", 21),))
        assert not found.equal
        assert (found.faces.added, found.faces.removed) == ((new, Some(0)) if is_added else (Some(0), new))
        assert (found.faces.both, changed(found), found.regions.changed) == (FACES, {}, 0)


def test_shards_with_the_same_hash_at_the_same_place_are_not_read(
    before: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    after = build_edited(tmp_path / "b", of_one(lambda split, row, face: face["image"].fill(7)))
    seen = reads(monkeypatch)
    assert changed(compare(before, after)) == {"image": 1}
    assert seen == {("a", "image"), ("b", "image")}


def test_one_pixel_of_another_region_is_counted_with_what_it_was_and_what_it_became(
    before: Path, tmp_path: Path
) -> None:
    was: list[int] = []

    def change(split: str, row: Row, face: Face) -> None:
        pixel = face["region"].reshape(-1)
        was.append(int(pixel[5]))
        pixel[5] = (was[0] + 1) % N_REGIONS
        row["region_px"] = np.bincount(pixel, minlength=256)[:N_REGIONS].tolist()

    found = compare(before, build_edited(tmp_path / "b", of_one(change)))
    old, new = Region(was[0]), Region((was[0] + 1) % N_REGIONS)
    assert changed(found) == {"region": 1}
    assert found.regions.became == (Became(old.label, new.label, 1),)
    assert (found.regions.changed, found.regions.pixels) == (1, FACES * SIDE * SIDE)
    assert found.regions.share == 1 / (FACES * SIDE * SIDE)
    gained = {name: b - a for name, (a, b) in found.regions.mean_area.items() if a != b}
    assert gained == {old.label: pytest.approx(-1 / FACES), new.label: pytest.approx(1 / FACES)}
    assert found.faces.changed.count == 0


def test_pixels_that_lost_their_region_became_none(before: Path, tmp_path: Path) -> None:
    found = compare(before, build_edited(tmp_path / "b", of_one(lambda split, row, face: face["region"].fill(255))))
    assert {pair.b for pair in found.regions.became} == {"none"}
    assert found.regions.changed == SIDE * SIDE


def test_another_image_is_a_changed_face_and_so_are_other_bytes_in_the_source(before: Path, tmp_path: Path) -> None:
    def sources(digest: str) -> Edit:
        return of_one(lambda split, row, face: row.update(source_sha256=digest))

    painted = build_edited(tmp_path / "painted", of_one(lambda split, row, face: face["image"].fill(7)))
    assert compare(before, painted).faces.changed == Some(1, (ONE,))
    one, other = (build_edited(tmp_path / digest, sources(digest)) for digest in ("1" * 64, "2" * 64))
    assert compare(one, other).faces.changed == Some(1, (ONE,))
    assert compare(before, one).faces.changed == Some(0)


def test_a_renamed_person_is_relabelled_and_a_new_number_of_the_same_name_is_told_apart(tmp_path: Path) -> None:
    def named(name: str, number: int) -> Edit:
        def edit(split: str, row: Row, face: Face) -> None:
            one = row["sample_id"] == ONE
            row["identity_name"] = name if one else f"person {row['identity']}"
            if one:
                row["identity"] = number
                face["identity"][:] = number

        return edit

    a = build_edited(tmp_path / "a", named("Ann", 3))
    renamed = compare(a, build_edited(tmp_path / "b", named("Anne", 3)))
    assert renamed.faces.relabelled == Some(1, (f"{ONE} (Ann -> Anne)",))
    assert (renamed.faces.renumbered, changed(renamed)) == (Some(0), {})
    train = renamed.people[0]
    assert (train.split, train.added, train.removed) == ("train", Some(1, ("Anne",)), Some(1, ("Ann",)))
    renumbered = compare(a, build_edited(tmp_path / "c", named("Ann", 9)))
    assert renumbered.faces.renumbered == Some(1, (f"{ONE} (3 -> 9)",))
    assert (renumbered.faces.relabelled, changed(renumbered)) == (Some(0), {"identity": 1})


def test_where_people_have_no_names_another_class_id_is_another_person(before: Path, tmp_path: Path) -> None:
    def change(split: str, row: Row, face: Face) -> None:
        row["identity"] = 77
        face["identity"][:] = 77

    found = compare(before, build_edited(tmp_path / "b", of_one(change)))
    assert found.faces.relabelled == Some(1, (f"{ONE} (3 -> 77)",))
    assert found.people[0].added == Some(1, ("class 77",))


def test_a_face_that_drops_out_is_named_with_its_reason_and_a_face_that_is_usable_again_too(
    before: Path, tmp_path: Path
) -> None:
    def drop(split: str, row: Row, face: Face) -> None:
        row.update(status="skipped", reason="no_face: nobody is there")

    after = build_edited(tmp_path / "b", of_one(drop))
    lost = compare(before, after)
    assert lost.faces.dropped_out == Some(1, (f"{ONE} (no_face: nobody is there)",))
    assert (lost.faces.both, lost.faces.removed) == (FACES - 1, Some(0))
    assert compare(after, before).faces.usable_again == Some(1, (ONE,))


def test_a_hole_that_no_manifest_row_offers_is_a_removed_face_and_its_pixels_are_not_looked_at(
    before: Path, tmp_path: Path
) -> None:
    after = build_edited(tmp_path / "b", of_one(lambda split, row, face: [a.fill(0) for a in face.values()]))
    with_manifest(after, lambda table: table.filter(pc.field("sample_id") != ONE))
    found = compare(before, after)
    assert found.faces.removed == Some(1, (ONE,))
    assert (found.faces.both, changed(found), found.regions.changed) == (FACES - 1, {}, 0)


def shuffled(seed: int, also: Edit | None = None, rows: int = 21) -> Edit:
    """Faces of `train` in other rows, all of theirs with them."""
    order = np.random.default_rng(seed).permutation(rows)

    def edit(split: str, row: Row, face: Face) -> None:
        if split == "train":
            place = int(row["sample_id"].rpartition("-")[2])
            other = int(order[place])
            for name, values in face_arrays(split, other, other + 1).items():
                face[name][:] = values
            row["sample_id"] = sample_id(split, other)
            row["identity"] = int(face["identity"][0])
            row["region_px"] = np.bincount(face["region"].ravel(), minlength=256)[:N_REGIONS].tolist()
            row["erased"] = face["erased"][0].tolist()
        if also is not None:
            also(split, row, face)

    return edit


def test_faces_in_other_rows_are_held_against_themselves(before: Path, tmp_path: Path) -> None:
    found = compare(before, build_edited(tmp_path / "b", shuffled(1)))
    assert found.faces.reordered > 10
    assert (found.faces.both, changed(found), found.regions.changed) == (FACES, {}, 0)


def test_what_changed_in_faces_in_other_rows_is_found_all_the_same(before: Path, tmp_path: Path) -> None:
    def change(split: str, row: Row, face: Face) -> None:
        face["region"].reshape(-1)[:3] = 255
        face["variant"][0, 1, 0, 0, 0] ^= 1
        face["image"][0, 0, 0, 0] ^= 1

    found = compare(before, build_edited(tmp_path / "b", shuffled(1, of_one(change))))
    assert changed(found) == {"image": 1, "region": 1, "variant": 1}
    assert found.regions.changed == 3
    assert next(a.each_variant for a in found.arrays if a.array == "variant") == (0, 1, 0)
    assert found.faces.changed == Some(1, (ONE,))


def test_a_face_in_another_split_is_moved_and_compared_there(before: Path, tmp_path: Path) -> None:
    def change(split: str, row: Row, face: Face) -> None:
        if row["sample_id"] in swap:
            other_split, other = swap[row["sample_id"]]
            for name, values in face_arrays(other_split, other, other + 1).items():
                face[name][:] = values
            row["sample_id"], row["identity"] = sample_id(other_split, other), int(face["identity"][0])

    swap = {sample_id("train", 0): ("val", 1), sample_id("val", 1): ("train", 0)}
    found = compare(before, build_edited(tmp_path / "b", change))
    assert found.faces.moved.count == 2
    assert set(found.faces.moved.first) == {"train-0000 (train -> val)", "val-0001 (val -> train)"}
    assert (changed(found), found.faces.added.count) == ({}, 0)


@pytest.mark.parametrize(("profile", "rows"), [("portable", (8, 4)), ("fast", (6, 3)), ("compact", (4, 1))])
def test_another_coding_or_other_shards_change_no_face(
    before: Path, tmp_path: Path, profile: Any, rows: tuple[int, int]
) -> None:
    found = compare(before, build_edited(tmp_path / "b", spec=face_spec(SPLITS, *rows, profile=profile)))
    assert changed(found) == {}
    assert {setting.key for setting in found.settings} <= {"profile", "shard_rows", "chunk_rows"}


def test_arrays_that_one_version_lacks_or_has_otherwise_are_told_and_common_variants_are_compared(
    before: Path, tmp_path: Path
) -> None:
    fewer = tuple(
        ArraySpec(a.name, a.dtype, (2, *a.shape[1:]), a.dimension_names, a.fill_value)
        if a.name in ("variant", "erased")
        else a
        for a in ARRAYS
        if a.name != "region"
    )
    spec = replace(face_spec(arrays=fewer), columns=(REGION_PX, erased_field(2)))
    after = build_edited(tmp_path / "b", spec=spec)
    found = compare(before, after)
    assert {a.array: a.skipped for a in found.arrays if a.skipped} == {"region": "only A has it"}
    assert found.regions is None
    variant = next(array for array in found.arrays if array.array == "variant")
    assert (variant.each_variant, variant.variants, variant.changed) == ((0, 0), (3, 2), variant.faces)
    assert "3 variants a face in A, 2 in B; by variant: 0, 0" in as_text(found)
    larger = build_faces(tmp_path / "work", tmp_path / "large", face_spec(arrays=arrays_of(16)))
    assert next(a.skipped for a in compare(before, larger).arrays if a.array == "image") == (
        "uint8 [8, 8, 3] in A, uint8 [16, 16, 3] in B"
    )
    assert compare(before, larger).regions is None


def test_params_versions_and_weights_that_differ_are_listed_by_dotted_key(before: Path, tmp_path: Path) -> None:
    made = {
        "erase": {"seed": 1, "n_regions": [1, 3]},
        "versions": {"numpy": "2.0.0", "torch": "2.13.0"},
        "parse": {"weights_sha256": "0" * 64},
    }
    found = compare(before, build_edited(tmp_path / "b", provenance=made))
    assert not found.equal
    assert set(found.settings) == {
        Setting("provenance.erase.seed", 0, 1),
        Setting("provenance.versions.torch", None, "2.13.0", "b"),
        Setting("provenance.parse.weights_sha256", None, "0" * 64, "b"),
    }
    assert found.files.files_rewritten == 1


def test_a_number_of_another_type_is_another_value(before: Path, tmp_path: Path) -> None:
    made = {**PROVENANCE, "erase": {"seed": 0.0, "n_regions": [1, 3]}}
    found = compare(before, build_edited(tmp_path / "b", provenance=made))
    assert (found.equal, found.settings) == (False, (Setting("provenance.erase.seed", 0, 0.0),))


def test_bytes_are_counted_by_content_and_files_by_path(before: Path, tmp_path: Path) -> None:
    after = build_edited(tmp_path / "b", of_one(lambda split, row, face: face["image"].fill(7)))
    files = compare(before, after).files
    contents = [{file.read_bytes() for file in store.rglob("*") if file.is_file()} for store in (before, after)]
    paths = {file.relative_to(before) for file in before.rglob("*") if file.is_file()}
    rewritten = [path for path in paths if (before / path).read_bytes() != (after / path).read_bytes()]
    assert (files.bytes_a, files.bytes_b) == (size(before), size(after))
    assert files.bytes_shared == sum(map(len, contents[0] & contents[1]))
    assert files.bytes_only_a == sum(map(len, contents[0] - contents[1]))
    assert files.bytes_only_b == sum(map(len, contents[1] - contents[0]))
    assert (files.files_rewritten, files.files_added, files.files_removed) == (len(rewritten), 0, 0)
    assert files.bytes_rewritten == sum((after / path).stat().st_size for path in rewritten)


def test_areas_of_a_store_whose_manifest_has_none_come_from_its_maps(before: Path, tmp_path: Path) -> None:
    paths = [Path(shutil.copytree(before, tmp_path / name)) for name in ("a", "b")]
    expected = compare(*paths).regions
    for path in paths:
        with_manifest(path, lambda table: table.drop_columns(["region_px"]))
    found = compare(*paths).regions
    assert found.mean_area == {name: pytest.approx(areas) for name, areas in expected.mean_area.items()}
    assert sum(a for a, _ in found.mean_area.values()) == pytest.approx(SIDE * SIDE)


def test_a_damaged_shard_that_must_be_read_is_an_error_and_no_difference(before: Path, tmp_path: Path) -> None:
    after = build_edited(tmp_path / "b", of_one(lambda split, row, face: face["image"].fill(7)))
    shard = after / "train.zarr/image/c.0.0.0.0"
    data = bytearray(shard.read_bytes())
    data[50] ^= 1
    shard.write_bytes(data)
    with pytest.raises(CorruptShardError, match=r"c\.0\.0\.0\.0"):
        compare(before, after)


def test_json_has_everything_and_tables_name_what_changed(before: Path, tmp_path: Path) -> None:
    found = compare(
        before, build_edited(tmp_path / "b", shuffled(2, of_one(lambda split, row, face: face["region"].fill(4))))
    )
    told = json.loads(found.as_json())
    assert told["regions"]["became"][0]["b"] == "left_chin"
    assert told["faces"]["both"] == FACES
    text, markdown = as_text(found), as_markdown(found)
    for shown in (text, markdown):
        assert "left_chin" in shown
        assert f"{found.regions.share:.4%}" in shown
    assert all(line.startswith(("| ", "### ")) for line in markdown.splitlines() if line)
    assert len({line.count("|") for line in markdown.split("### ")[1].splitlines()[2:] if line}) == 1

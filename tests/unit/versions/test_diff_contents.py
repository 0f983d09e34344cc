"""What `diff` says of arrays, regions, settings and files whose every difference is known, and how it is shown."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from differences import FACES, Face, changed, compare, of_one, shuffled
from edited_stores import PROVENANCE, Row, build_edited, with_manifest
from numpy.typing import NDArray
from stores import ARRAYS, SIDE, SPLITS, arrays_of, build_faces, face_spec

from faceshards.errors import CorruptShardError
from faceshards.regions import N_REGIONS, Region
from faceshards.store.reader import Store
from faceshards.store.schema import REGION_PX, ArraySpec, SplitSpec, erased_field
from faceshards.versions.difference import Became, Difference, Setting
from faceshards.versions.table import as_markdown, as_text


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


def test_an_empty_mapping_is_another_value_than_none_and_a_dot_in_a_name_hides_no_setting(tmp_path: Path) -> None:
    def made(name: str, **more: Any) -> Path:
        return build_edited(tmp_path / name, provenance={**PROVENANCE, **more})

    empty, none, absent = made("empty", e={}), made("none", e=None), made("absent")
    assert compare(empty, none).settings == (Setting("provenance.e", {}, None),)
    assert compare(absent, empty).settings == (Setting("provenance.e", None, {}, "b"),)
    one, other = (made(f"dot-{n}", **{"a.b": n, "a": {"b": 0}}) for n in (1, 2))
    assert compare(one, other).settings == (Setting('provenance."a.b"', 1, 2),)


def test_people_who_are_gone_and_an_empty_split_are_settings_for_no_face_tells_of_them(tmp_path: Path) -> None:
    spec = face_spec({"train": 3})
    a = build_faces(tmp_path / "work", tmp_path / "a", spec)
    ever = replace(spec, splits={"train": SplitSpec(3, ((0, 5), (7, 9))), "val": SplitSpec(0)})
    found = compare(a, build_faces(tmp_path / "work", tmp_path / "b", ever))
    assert not found.equal
    assert set_of(found) == {
        ("splits.train.classes", "[[0, 5]]", "[[0, 5], [7, 9]]"),
        ("splits.val.rows", "null", "0"),
        ("splits.val.classes", "null", "[]"),
    }


def set_of(found: Difference) -> set[tuple[str, str, str]]:
    return {(setting.key, json.dumps(setting.a), json.dumps(setting.b)) for setting in found.settings}


def test_a_text_that_reads_as_another_value_is_shown_in_quotes(tmp_path: Path) -> None:
    a = build_edited(tmp_path / "a", provenance={**PROVENANCE, "seed": "0", "mark": "-", "net": "bundled"})
    b = build_edited(tmp_path / "b", provenance={**PROVENANCE, "seed": 0, "net": "my own"})
    shown = as_text(compare(a, b))
    assert re.search(r'provenance\.seed +"0" +0\n', shown)
    assert re.search(r'provenance\.mark +"-" +-\n', shown)
    assert re.search(r"provenance\.net +bundled +my own\n", shown)


def test_no_name_makes_a_row_or_a_cell_of_its_own(before: Path, tmp_path: Path) -> None:
    def change(split: str, row: Row, face: Face) -> None:
        row["sample_id"] = "x\n  removed  99\u2028 a\\| b"

    found = compare(before, build_edited(tmp_path / "b", of_one(change)))
    (told,) = (line for line in as_text(found).splitlines() if "99" in line)
    assert told.split()[:2] == ["added", "1"]
    (told,) = (line for line in as_markdown(found).splitlines() if "99" in line)
    assert re.split(r"(?<!\\)(?:\\\\)*\|", told)[1:3] == [" added ", " 1 "]
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", told)) == 4


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


def test_areas_that_a_manifest_has_of_some_faces_alone_are_no_mean_of_all(before: Path, tmp_path: Path) -> None:
    some = build_edited(tmp_path / "some", of_one(lambda split, row, face: row.update(region_px=None)))
    found = compare(before, some).regions
    assert found.mean_area == {name: (pytest.approx(was), was) for name, (was, _) in found.mean_area.items()}


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

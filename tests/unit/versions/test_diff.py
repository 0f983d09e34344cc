"""What `diff` says of the faces and people of two versions whose every difference is known."""

from pathlib import Path

import pyarrow.compute as pc
from differences import FACES, ONE, Face, changed, compare, of_one, shuffled
from edited_stores import Edit, Row, build_edited, with_manifest
from stores import face_arrays, face_spec, sample_id

from faceshards.versions.difference import Some


def test_a_face_more_is_named_and_the_others_are_as_they_were(before: Path, tmp_path: Path) -> None:
    after = build_edited(tmp_path / "b", spec=face_spec({"train": 22, "val": 3}))
    for found, is_added in ((compare(before, after), True), (compare(after, before), False)):
        new = Some(1, (sample_id("train", 21),))
        assert not found.equal
        assert (found.faces.added, found.faces.removed) == ((new, Some(0)) if is_added else (Some(0), new))
        assert (found.faces.both, changed(found), found.regions.changed) == (FACES, {}, 0)


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

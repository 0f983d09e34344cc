"""Faces of one image: told, and named where they lie under two people or in two splits."""

import csv
import json
from pathlib import Path

from plans import Face, planned

SHARES = {"train": 0.5, "val": 0.5}
ONE, TWO = b"one image", b"another"


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "duplicates.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_without_duplicates_nothing_is_told(tmp_path: Path) -> None:
    _, outcome = planned(tmp_path, [Face("a"), Face("b", "ann")])
    assert (outcome.duplicates.sets, outcome.duplicates.first, outcome.warnings) == (0, (), ())
    assert table(tmp_path) == []


def test_faces_of_one_image_are_counted_and_listed(tmp_path: Path) -> None:
    faces = [
        Face("a", "ann", ONE),
        Face("b", "ann"),
        Face("c", "ann", TWO),
        Face("d", "ann", ONE),
        Face("e", "ann", TWO),
    ]
    faces.append(Face("f", "ann", TWO))
    _, outcome = planned(tmp_path, faces)
    found = outcome.duplicates
    assert (found.sets, found.faces, found.across_people, found.across_splits) == (2, 5, 0, 0)
    assert found.first == ("a = d: of ann in train", "c = e = f: of ann in train")
    assert [(row["set"], row["sample_id"]) for row in table(tmp_path)] == [
        ("0", "a"),
        ("0", "d"),
        ("1", "c"),
        ("1", "e"),
        ("1", "f"),
    ]
    assert outcome.warnings == ()
    assert json.loads((tmp_path / "plan.json").read_text())["duplicates"]["first"] == list(found.first)


def test_an_image_under_two_people_is_named_first_and_warned_of(tmp_path: Path) -> None:
    faces = [Face("a", "ann", ONE), Face("b", "ann", ONE), Face("c", "ann", TWO), Face("d", "bob", TWO)]
    _, outcome = planned(tmp_path, faces)
    assert (outcome.duplicates.across_people, outcome.duplicates.across_splits) == (1, 0)
    assert outcome.duplicates.first[0] == "c = d: under ann and bob in train"
    assert "1 image under the names of two people or more" in outcome.warnings[0]
    assert {row["person"] for row in table(tmp_path)} == {"ann", "bob"}


def test_an_image_in_two_splits_is_named(tmp_path: Path) -> None:
    faces = [Face(f"{i}", None, ONE) for i in range(6)]
    _, outcome = planned(tmp_path, faces, splits=SHARES)
    assert (outcome.duplicates.sets, outcome.duplicates.across_people, outcome.duplicates.across_splits) == (1, 0, 1)
    assert outcome.duplicates.first == ("0 = 1 = 2 = 3 = 2 more: of no name in train and val",)
    assert {row["split"] for row in table(tmp_path)} == {"train", "val"}


def test_a_checksum_that_two_images_share_is_no_duplicate(tmp_path: Path) -> None:
    faces = [Face("a", "ann", ONE, b"crc"), Face("b", "bob", TWO, b"crc"), Face("c", "bob", ONE, b"crc")]
    _, outcome = planned(tmp_path, faces)
    assert [row["sample_id"] for row in table(tmp_path)] == ["a", "c"]
    assert outcome.duplicates.faces == 2


def test_faces_that_cannot_be_read_are_no_duplicates(tmp_path: Path) -> None:
    faces = [Face(name, "ann", b"unreadable") for name in "abc"]
    _, outcome = planned(tmp_path, faces)
    assert outcome.duplicates.sets == 0


def test_removed_faces_count_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text("sample: b\n")
    faces = [Face("a", "ann", ONE), Face("b", "bob", ONE)]
    _, outcome = planned(tmp_path / "plan", faces, remove=str(tmp_path / "r.txt"))
    assert outcome.duplicates.sets == 0

"""Numbers in place of names, from the plan on: the same in each version, and found by nobody who lacks the key."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import SHARES, Face, everybody, manifest, planned

from faceshards.build.nameless import Numbering, is_number, read_numbering, without_names
from faceshards.build.removal import Entry, append_removal
from faceshards.errors import ParamsError

FACES = [Face(f"ann-{i // 4}/{i:03d}", f"ann-{i // 4}" if i % 9 else None) for i in range(40)]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "names.key"
    path.write_text("a key that nobody can guess, of 32 characters or more\n")
    return path


def other(key: Path) -> Path:
    path = key.with_name("other.key")
    path.write_text("another key that nobody can guess, of 32 characters or more\n")
    return path


def by_number(plan: object) -> dict[object, tuple[object, ...]]:
    return {row["sample_id"]: (row["split"], row["row"], row["identity"]) for row in everybody(plan)}


def test_no_file_of_a_plan_but_the_owners_table_has_a_name(tmp_path: Path, key: Path) -> None:
    removed = tmp_path / "removed.txt"
    append_removal(removed, [Entry("person", "ann-99")])
    plan, outcome = planned(tmp_path / "plan", FACES, names_key=str(key), remove=str(removed))
    assert all(is_number(row["sample_id"]) for row in everybody(plan))
    assert {row["identity_name"] is None for row in everybody(plan)} == {True, False}
    assert "ann-99" in outcome.warnings[0]
    with_names = [path.name for path in plan.folder.iterdir() if b"ann-" in path.read_bytes()]
    assert with_names == ["names.csv"]
    assert "ann-" not in json.dumps(outcome.told)
    lines = (plan.folder / "names.csv").read_text().splitlines()
    assert len(lines) == len(FACES) + 1
    number, sample, person, name = (cell.strip('"') for cell in lines[2].split(","))
    numbering = read_numbering(key)
    assert (sample, name) == ("ann-0/001", "ann-0")
    assert (number, person) == (numbering.of("sample", sample), numbering.of("person", name))


def test_a_version_that_grows_and_loses_people_keeps_the_numbers_and_places_of_the_others(
    tmp_path: Path, key: Path
) -> None:
    first, _ = planned(tmp_path / "1", FACES, splits=SHARES, names_key=str(key))
    removed = tmp_path / "removed.txt"
    append_removal(removed, [Entry("person", "ann-3"), Entry("sample", read_numbering(key).of("sample", "ann-5/021"))])
    earlier = str(manifest(first, tmp_path / "earlier.parquet"))
    more = [Face("ann-11/100", "ann-11"), *reversed(FACES)]
    grown = {"splits": SHARES, "earlier": earlier, "remove": str(removed), "names_key": str(key)}
    second, outcome = planned(tmp_path / "2", more, **grown)
    before, after = by_number(first), by_number(second)
    gone = {read_numbering(key).of("sample", face.sample_id) for face in FACES if face.person == "ann-3"}
    gone |= {read_numbering(key).of("sample", "ann-5/021")}
    assert (outcome.new, outcome.removed, outcome.unmatched) == (1, len(gone), ())
    assert set(before) - set(after) == gone
    assert all(after[number] == place for number, place in before.items() if number not in gone)


@pytest.mark.parametrize("earlier_key", [None, "names.key", "other.key"])
@pytest.mark.parametrize("now", [None, "names.key"])
def test_a_version_of_other_names_or_another_key_is_not_continued(
    tmp_path: Path, key: Path, earlier_key: str | None, now: str | None
) -> None:
    other(key)
    keys = [None if name is None else str(tmp_path / name) for name in (earlier_key, now)]
    first, _ = planned(tmp_path / "1", FACES, names_key=keys[0])
    earlier = str(manifest(first, tmp_path / "earlier.parquet"))
    if earlier_key == now:
        assert planned(tmp_path / "2", FACES, earlier=earlier, names_key=keys[1])[1].kept == len(FACES)
    else:
        with pytest.raises(ParamsError, match=r"plan.names_key: expected what the version .* has, .*; found "):
            planned(tmp_path / "2", FACES, earlier=earlier, names_key=keys[1])


def test_places_do_not_follow_from_names(tmp_path: Path, key: Path) -> None:
    """Else a list of names, put in the order that their hashes give, would tell whose each row is."""
    plans = [planned(tmp_path / str(i), FACES, names_key=str(of))[0] for i, of in enumerate((key, other(key)))]
    digests = [[row["digest"] for row in everybody(plan)] for plan in plans]
    assert sorted(digests[0]) == sorted(digests[1])
    assert digests[0] != digests[1]


def test_a_key_that_is_missing_or_short_is_told_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"names.key: expected a key; No such file.*openssl rand -hex 32 > "):
        read_numbering(tmp_path / "names.key")
    (tmp_path / "names.key").write_text("secret\n")
    with pytest.raises(ParamsError, match=r"names.key: expected a key of 32 characters or more; found 6"):
        read_numbering(tmp_path / "names.key")


@settings(max_examples=25)
@given(st.text(max_size=4), st.text(max_size=4), st.binary(min_size=32, max_size=32))
def test_a_number_is_of_the_name_the_kind_and_the_key(name: str, other_name: str, secret: bytes) -> None:
    numbering = Numbering(secret)
    number = numbering.of("sample", name)
    assert re.fullmatch("f[0-9a-f]{24}", number)
    assert (number == numbering.of("sample", other_name)) == (name == other_name)
    assert number[1:] != numbering.of("person", name)[1:]
    assert numbering.entry(numbering.entry(Entry("sample", name))) == numbering.entry(Entry("sample", name))


def test_reasons_keep_their_codes_alone() -> None:
    assert without_names("no_face: ann/1.jpg: none\nblur: x") == "no_face: told without names\nblur: told without names"


def test_rows_in_the_order_of_the_source_are_refused_with_a_key(tmp_path: Path, key: Path) -> None:
    with pytest.raises(ValueError, match="names_key goes with order: shuffled alone"):
        planned(tmp_path / "plan", FACES, names_key=str(key), order="source")

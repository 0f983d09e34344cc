"""A list of faces and people to leave out: what it may say, and what a plan makes of it."""

import tempfile
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plans import SHARES, Face, everybody, manifest, planned

from faceshards.build.removal import Entry, append_removal, parse_removal, read_removal
from faceshards.errors import ParamsError

FACES = [Face(f"{i:03d}", f"p{i // 4}" if i % 9 else None) for i in range(40)]
LIST = "# asked on Monday\nperson: p3\n\n  sample:  021 \nperson: p3\n"


def written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_list_names_samples_and_people_and_may_have_comments() -> None:
    assert parse_removal(LIST, "list") == [Entry("person", "p3"), Entry("sample", "021")]


def test_names_may_hold_colons_signs_and_blanks() -> None:
    assert parse_removal("person: Ann: #1 (née B)\nsample: person: x\r\n", "") == [
        Entry("person", "Ann: #1 (née B)"),
        Entry("sample", "person: x"),
    ]


@pytest.mark.parametrize("name", ["\u3000Ann", "Ann\u00a0", "\u2003Ann\u2009", "\u00a0"])
def test_a_person_whose_name_begins_or_ends_with_a_wide_space_can_be_removed(tmp_path: Path, name: str) -> None:
    append_removal(tmp_path / "removed.txt", [Entry("person", name)])
    assert read_removal(tmp_path / "removed.txt") == [Entry("person", name)]
    faces = [Face("0", name), Face("1", name), Face("2", "Ann"), Face("3", "Bob")]
    _, outcome = planned(tmp_path, faces, remove=str(tmp_path / "removed.txt"))
    assert (outcome.removed, outcome.unmatched) == (2, ())


@pytest.mark.parametrize("line", ["p3", "persons: p3", "person p3", "person:", "sample:  ", ": p3"])
def test_a_line_that_does_not_say_what_it_names_is_refused_for_it_would_leave_the_face_in(line: str) -> None:
    with pytest.raises(ParamsError, match=r"list: line 2: expected `sample: ID` or `person: NAME`; found "):
        parse_removal(f"person: p3\n{line}\n", "list")


def test_a_list_that_is_not_there_or_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bytes.txt").write_bytes(b"person: \xff\n")
    for name in ("bytes.txt", "missing.txt"):
        with pytest.raises(ParamsError, match=rf"plan\.remove: .*{name}"):
            read_removal(tmp_path / name)


@given(st.lists(st.tuples(st.sampled_from(["sample", "person"]), st.text("ab:# é", min_size=1).map(str.strip))))
def test_what_is_appended_is_what_is_read(pairs: list) -> None:
    entries = [Entry(kind, name) for kind, name in pairs if name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sub" / "list.txt"
        for entry in entries:
            append_removal(path, [entry])
        assert append_removal(path, entries) == []
        if entries:
            assert read_removal(path) == list(dict.fromkeys(entries))


def test_appending_keeps_what_is_there_and_mends_a_missing_line_end(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# by hand\nperson: p1")
    assert append_removal(path, [Entry("person", "p1"), Entry("sample", "7")]) == [Entry("sample", "7")]
    assert path.read_text() == "# by hand\nperson: p1\nsample: 7\n"


@pytest.mark.parametrize("name", ["two\nlines", "two\rlines", " blank before", "", "blank behind\t"])
def test_a_name_that_a_line_cannot_hold_is_refused_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="expected"):
        append_removal(tmp_path / "list.txt", [Entry("sample", "1"), Entry("person", name)])
    assert not (tmp_path / "list.txt").exists()


def test_removed_faces_and_people_have_no_row_no_class_id_and_no_digest_in_the_plan(tmp_path: Path) -> None:
    plan, outcome = planned(tmp_path / "a", FACES, splits=SHARES, remove=written(tmp_path / "r.txt", LIST))
    rows = everybody(plan)
    gone = {"021", *(face.sample_id for face in FACES if face.person == "p3")}
    assert {row["sample_id"] for row in rows} == {face.sample_id for face in FACES} - gone
    assert (outcome.removed, outcome.placed, outcome.unmatched) == (len(gone), 40 - len(gone), ())
    assert "p3" not in (tmp_path / "a" / "plan.arrow").read_bytes().decode("latin-1")
    assert sorted({row["identity"] for row in rows} - {-1}) == list(range(9))


def test_one_person_removed_from_a_version_leaves_holes_and_moves_nobody(tmp_path: Path) -> None:
    first, _ = planned(tmp_path / "a", FACES, splits=SHARES)
    earlier = str(manifest(first, tmp_path / "m.parquet"))
    remove = written(tmp_path / "r.txt", "person: p3\n")
    second, outcome = planned(tmp_path / "b", FACES, splits=SHARES, earlier=earlier, remove=remove)
    assert second.splits == first.splits
    strip = [{k: v for k, v in row.items() if k != "source_index"} for row in everybody(first)]
    assert [{k: v for k, v in row.items() if k != "source_index"} for row in everybody(second)] == [
        row for row in strip if row["identity_name"] != "p3"
    ]
    assert outcome.gone == outcome.removed == sum(of["holes"] for of in outcome.splits.values())


def test_an_entry_that_names_no_face_is_told_and_is_no_error(tmp_path: Path) -> None:
    remove = written(tmp_path / "r.txt", "person: nobody\nsample: p1\nperson: p1\n")
    _, outcome = planned(tmp_path / "a", FACES, remove=remove)
    assert outcome.unmatched == ("person: nobody", "sample: p1")
    assert [warning.split(";")[0] for warning in outcome.warnings] == [
        "plan.remove: `person: nobody` names no face of the source",
        "plan.remove: `sample: p1` names no face of the source",
    ]


def test_all_faces_removed_is_an_error(tmp_path: Path) -> None:
    remove = written(tmp_path / "r.txt", "sample: a\n")
    with pytest.raises(ParamsError, match="none of the people of 0 faces"):
        planned(tmp_path / "a", [Face("a", "ann")], remove=remove)


def test_a_name_is_found_in_either_unicode_form_and_an_exact_one_goes_first(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Zo\u00eb") for form in ("NFC", "NFD"))
    faces = [Face("a"), Face("b", composed), Face(f"{composed}/1"), Face(f"{composed}/2"), Face(f"{decomposed}/2")]
    text = f"person: {decomposed}\nsample: {decomposed}/1\nsample: {decomposed}/2\nsample: {decomposed}/3\n"
    plan, outcome = planned(tmp_path, faces, remove=written(tmp_path / "list.txt", text))
    assert {row["sample_id"] for row in everybody(plan)} == {"a", f"{composed}/2"}
    assert outcome.unmatched == (f"sample: {decomposed}/3",)

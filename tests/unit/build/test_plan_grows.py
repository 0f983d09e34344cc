"""A plan that continues an earlier version: who stands stays, who goes leaves a hole, who comes is placed behind."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plans import SHARES, Face, everybody, manifest, planned

from faceshards.build.earlier import read_earlier
from faceshards.build.plan import PlanOutcome
from faceshards.build.planfile import Plan
from faceshards.errors import ParamsError

FIRST = [Face(f"{i:03d}", f"p{i // 4:02d}" if i % 9 else None) for i in range(80)]


def grown(folder: Path, *versions: list[Face], **changes: object) -> list[tuple[Plan, PlanOutcome]]:
    """Plans of one version after the other, each continuing the one before."""
    plans: list[tuple[Plan, PlanOutcome]] = []
    for number, faces in enumerate(versions):
        if plans:
            changes["earlier"] = str(manifest(plans[-1][0], folder / f"{number}.parquet"))
        plans.append(planned(folder / str(number), faces, splits=SHARES, **changes))
    return plans


def places(plan: Plan) -> dict[str, tuple]:
    return {row["sample_id"]: (row["split"], row["row"], row["identity"]) for row in everybody(plan)}


def labels(plan: Plan, split: str) -> dict[int, int]:
    """A trainer's label of each class id."""
    ids = [i for start, stop in plan.splits[split].classes for i in range(start, stop)]
    return {class_id: label for label, class_id in enumerate(ids)}


def test_without_a_change_the_plan_is_the_same_file(tmp_path: Path) -> None:
    (first, _), (second, outcome) = grown(tmp_path, FIRST, FIRST)
    assert (outcome.kept, outcome.new, outcome.gone) == (80, 0, 0)
    assert (first.folder / "plan.arrow").read_bytes() == (second.folder / "plan.arrow").read_bytes()
    assert first.splits == second.splits


def test_faces_that_stand_stay_also_those_that_could_not_be_used(tmp_path: Path) -> None:
    first, _ = planned(tmp_path / "a", FIRST, splits=SHARES)
    earlier = manifest(first, tmp_path / "m.parquet", skipped=frozenset({"003", "040"}))
    second, _ = planned(tmp_path / "b", [Face("new", "p03"), *FIRST], splits=SHARES, earlier=str(earlier))
    now = places(second)
    assert places(first) == {name: now[name] for name in places(first)}


def test_a_new_face_of_a_known_person_joins_the_person_s_split_behind_the_others(tmp_path: Path) -> None:
    for person in ("p00", "p07", "p13"):
        (first, _), (second, outcome) = grown(tmp_path / person, FIRST, [*FIRST, Face("new", person)])
        split, row, class_id = places(second)["new"]
        assert (split, class_id) == next(
            (r["split"], r["identity"]) for r in everybody(first) if r["identity_name"] == person
        )
        assert row == first.splits[split].rows
        assert second.splits[split].classes == first.splits[split].classes
        assert outcome.new == 1


def test_new_people_get_the_next_class_ids_split_by_split_and_the_last_labels(tmp_path: Path) -> None:
    more = [Face(f"n{i}", f"q{i // 2:02d}") for i in range(40)]
    (first, _), (second, _) = grown(tmp_path, FIRST, FIRST + more)
    given = max(stop for of in first.splits.values() for _, stop in of.classes)
    for split, of in second.splits.items():
        before = first.splits[split].classes
        assert of.classes[: len(before)] == before
        assert all(start == given for start, _ in of.classes[len(before) :][:1])
        given = of.classes[-1][1] if len(of.classes) > len(before) else given
        old, new = labels(first, split), labels(second, split)
        assert old.items() <= new.items()
        assert sorted(new.values()) == list(range(len(new)))
    assert given == 20 + 20


def test_faces_that_are_gone_leave_holes_and_their_rows_and_class_ids_are_never_given_again(tmp_path: Path) -> None:
    without = [face for face in FIRST if face.person not in ("p02", "p19")]
    back = [*FIRST, Face("x", "somebody")]
    (first, _), (second, outcome), (third, _) = grown(tmp_path, FIRST, without, back)
    assert outcome.gone == len(FIRST) - len(without)
    assert sum(of["holes"] for of in outcome.splits.values()) == outcome.gone
    assert {split: of.rows for split, of in first.splits.items()} == {s: of.rows for s, of in second.splits.items()}
    was, now = places(first), places(third)
    for face in FIRST:
        if face.person in ("p02", "p19"):
            split, row, class_id = now[face.sample_id]
            assert row >= first.splits[split].rows
            assert class_id >= 20
        else:
            assert now[face.sample_id] == was[face.sample_id]


def test_new_faces_are_shuffled_among_themselves(tmp_path: Path) -> None:
    more = [Face(f"n{i:03d}", f"q{i // 10:02d}") for i in range(100)]
    _, (second, _) = grown(tmp_path, FIRST, FIRST + more)
    behind = [row["source_index"] for row in everybody(second) if row["source_index"] >= 80 and row["split"] == "train"]
    assert len(behind) > 50
    assert abs(np.corrcoef(behind, range(len(behind)))[0, 1]) < 0.3
    kept, _ = planned(tmp_path / "alone", more, splits=SHARES)
    assert [row["source_index"] + 80 for row in everybody(kept) if row["split"] == "train"] == behind


def test_a_face_that_is_another_person_s_now_is_a_new_face_and_leaves_a_hole(tmp_path: Path) -> None:
    was = FIRST[5]
    relabelled = [Face(was.sample_id, "p12") if face == was else face for face in FIRST]
    (first, _), (second, outcome) = grown(tmp_path, FIRST, relabelled)
    assert (outcome.relabelled, outcome.new, outcome.gone) == (1, 1, 0)
    rows = everybody(second)
    (of_p12,) = {(row["split"], row["identity"]) for row in rows if row["identity_name"] == "p12"}
    split, row, class_id = places(second)[was.sample_id]
    assert (split, class_id) == of_p12
    assert row == first.splits[split].rows


def test_a_face_that_loses_or_gets_a_name_is_a_new_face(tmp_path: Path) -> None:
    renamed = [Face("000", "known"), Face("001"), *FIRST[2:]]
    assert (FIRST[0].person, FIRST[1].person) == (None, "p00")
    _, (second, outcome) = grown(tmp_path, FIRST, renamed)
    assert outcome.relabelled == 2
    assert places(second)["001"][2] == -1


def test_another_seed_or_other_shares_move_nobody_who_stands(tmp_path: Path) -> None:
    first, _ = planned(tmp_path / "a", FIRST, splits=SHARES)
    earlier = str(manifest(first, tmp_path / "m.parquet"))
    shares = {"extra": 0.6, "test": 0.2, "train": 0.1, "val": 0.1}
    new = [Face(f"n{i}", f"q{i}") for i in range(20)]
    second, _ = planned(tmp_path / "b", FIRST + new, splits=shares, seed=9, earlier=earlier)
    now = places(second)
    assert places(first) == {name: now[name] for name in places(first)}
    assert list(second.splits) == ["extra", "test", "train", "val"]


def test_a_version_of_other_faces_is_told(tmp_path: Path) -> None:
    _, (_, outcome) = grown(tmp_path, FIRST, [Face(f"other{i}") for i in range(9)])
    assert outcome.gone == 80
    assert any("none of its 80 faces stands in the source" in warning for warning in outcome.warnings)


pool = st.sampled_from([f"{i:02d}" for i in range(24)])
names = st.sampled_from([None, *"abcdefgh"])
versions = st.lists(st.dictionaries(pool, names, min_size=1, max_size=20), min_size=2, max_size=5)


@settings(max_examples=60)
@given(versions)
def test_whatever_comes_and_goes_nobody_moves_and_no_row_or_class_id_ever_means_two(versions: list[dict]) -> None:
    owner_of_row: dict[tuple, tuple] = {}
    owner_of_id: dict[int, str] = {}
    before: Plan | None = None
    with tempfile.TemporaryDirectory() as folder:
        for number, version in enumerate(versions):
            # A face of nobody's that always is in the first split.
            faces = [Face(name, person) for name, person in version.items()] + [Face("anchor-2")]
            earlier = None if before is None else str(manifest(before, Path(folder) / f"{number}.parquet"))
            plan, outcome = planned(
                Path(folder) / str(number), faces, splits={"train": 0.6, "val": 0.4}, earlier=earlier
            )
            rows = everybody(plan)
            assert len(rows) == len(faces) == outcome.placed == outcome.kept + outcome.new
            assert sum(of["holes"] for of in outcome.splits.values()) == sum(
                of.rows for of in plan.splits.values()
            ) - len(rows)
            for row in rows:
                # A row once given is one face's, under one name, for ever.
                face = (row["sample_id"], row["identity_name"])
                last = places(before).get(row["sample_id"]) if before else None
                place = (row["split"], row["row"])
                if place in owner_of_row:
                    assert owner_of_row[place] == face
                    assert last == (*place, row["identity"])
                owner_of_row[place] = face
                assert row["row"] < plan.splits[row["split"]].rows
                if row["identity"] != -1:
                    assert owner_of_id.setdefault(row["identity"], row["identity_name"]) == row["identity_name"]
                    assert row["identity"] in labels(plan, row["split"])
            for person in {row["identity_name"] for row in rows} - {None}:
                theirs = [row for row in rows if row["identity_name"] == person]
                assert len({(row["split"], row["identity"]) for row in theirs}) == 1
            if before is not None:
                for split, of in before.splits.items():
                    assert plan.splits[split].rows >= of.rows
                    assert labels(before, split).items() <= labels(plan, split).items()
            ranges = sorted(ids for of in plan.splits.values() for ids in of.classes)
            assert [i for start, stop in ranges for i in range(start, stop)] == list(
                range(max((stop for _, stop in ranges), default=0))
            )
            before = plan


def test_a_manifest_that_does_not_say_how_to_continue_it_is_refused_with_a_remedy(tmp_path: Path) -> None:
    plan, _ = planned(tmp_path / "a", FIRST, splits=SHARES)
    path = manifest(plan, tmp_path / "m.parquet")
    pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
    with pytest.raises(ParamsError, match=r"no faceshards\.plan.*take manifest\.parquet of a finished store"):
        read_earlier(path, 0)


def test_what_is_no_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.parquet").write_text("no table")
    for name in ("m.parquet", "missing.parquet"):
        with pytest.raises(ParamsError, match=rf"plan\.earlier: .*{name}: expected the manifest"):
            read_earlier(tmp_path / name, 0)


def test_params_that_lack_a_split_of_the_earlier_version_are_refused(tmp_path: Path) -> None:
    plan, _ = planned(tmp_path / "a", FIRST, splits=SHARES)
    earlier = str(manifest(plan, tmp_path / "m.parquet"))
    with pytest.raises(ParamsError, match=r"plan\.splits: expected also val"):
        planned(tmp_path / "b", FIRST, splits={"train": 0.9, "test": 0.1}, earlier=earlier)


def swapped(values: list, one: int, other: object) -> list:
    return [*values[:one], other, *values[one + 1 :]]


@pytest.mark.parametrize(
    ("column", "value", "found"),
    [
        ("row", 1, "two faces in row 1 of split train"),
        ("row", 99, "rows 1 to 99 in split train of 5 rows"),
        ("row", None, "1 face without row"),
        ("sample_id", "1", "sample 1 twice"),
        ("split", "dev", "faces in split dev, of which its schema says nothing"),
        ("split", None, "1 face without split"),
        ("identity", 1, "found b under id 1 and 0|found a under id 0 and 1"),
        ("identity", -1, "found a under id 0 and -1"),
        ("identity_name", None, "class id 0 and no name"),
        ("identity_name", "c", "class id 0 on both c and a"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(column: str, value: object, found: str, tmp_path: Path) -> None:
    faces = [Face("0", "a"), Face("1", "a"), Face("2", "b"), Face("3", "b"), Face("4")]
    plan, _ = planned(tmp_path / "a", faces, order="source")
    values = pq.read_table(manifest(plan, tmp_path / "m.parquet"))[column].to_pylist()
    path = manifest(plan, tmp_path / "m.parquet", **{column: swapped(values, 0, value)})
    with pytest.raises(ParamsError, match=found):
        read_earlier(path, 0)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"splits": {"train": {"rows": 5, "classes": [[0, 1]]}}}, "b in split train with class id 1, which is none"),
        (
            {"splits": {"train": {"rows": 5, "classes": [[0, 2]]}, "val": {"rows": 0, "classes": [[1, 3]]}}},
            "two splits",
        ),
        ({"splits": {"train": {"rows": 5}}}, "does not read"),
        ({"splits": {"train": {"rows": 5, "classes": [[0]]}}}, "does not read"),
        (["train"], "does not read"),
    ],
)
def test_a_schema_that_says_something_else_is_refused(said: object, found: str, tmp_path: Path) -> None:
    faces = [Face("0", "a"), Face("1", "a"), Face("2", "b"), Face("3", "b"), Face("4")]
    plan, _ = planned(tmp_path / "a", faces)
    path = manifest(plan, tmp_path / "m.parquet")
    pq.write_table(pq.read_table(path).replace_schema_metadata({"faceshards.plan": json.dumps(said)}), path)
    with pytest.raises(ParamsError, match=found):
        read_earlier(path, 0)


def test_names_in_a_dictionary_that_no_row_has_count_for_nothing(tmp_path: Path) -> None:
    plan, _ = planned(tmp_path / "a", FIRST, splits=SHARES)
    path = manifest(plan, tmp_path / "m.parquet")
    table = pq.read_table(path)
    names = pa.chunked_array(
        [
            pa.DictionaryArray.from_arrays(
                c.dictionary_encode().indices,
                pa.concat_arrays([c.dictionary_encode().dictionary, pa.array(["unused"])]),
            )
            for c in table["identity_name"].chunks
        ]
    )
    at = table.schema.get_field_index("identity_name")
    pq.write_table(table.set_column(at, "identity_name", names), path)
    assert "unused" not in read_earlier(path, 0).people.to_pylist()

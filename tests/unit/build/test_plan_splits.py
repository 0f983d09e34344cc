"""Which split, row and class id a face gets in a plan that is made anew."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plans import SHARES, Face, params, planned, rows_of

from faceshards import rng
from faceshards.build.download import make_source
from faceshards.build.params import RunParams, SourceParams
from faceshards.build.plan import plan_faces
from faceshards.build.planfile import Plan
from faceshards.errors import ParamsError, SourceFormatError
from faceshards.source.facesynthetics import FaceSynthetics

people = st.lists(st.sampled_from([None, *"abcdefghijklm"]), min_size=1, max_size=60)
seeds = st.integers(0, 2**32)


def faces_of(names: list[str | None]) -> list[Face]:
    return [Face(f"{i:06d}", name) for i, name in enumerate(names)]


@given(people, seeds)
def test_every_face_has_one_row_and_the_rows_of_a_split_are_dense(names: list, seed: int) -> None:
    rows = rows_of(faces_of(names), splits=SHARES, seed=seed)
    assert sorted(row["source_index"] for row in rows) == list(range(len(names)))
    for split in SHARES:
        here = [row["row"] for row in rows if row["split"] == split]
        assert here == list(range(len(here)))


@given(people, seeds)
def test_every_person_is_in_one_split_and_every_row_says_who_is_in_it(names: list, seed: int) -> None:
    rows = rows_of(faces_of(names), splits=SHARES, seed=seed)
    home = {(row["identity_name"], row["split"]) for row in rows if row["identity_name"] is not None}
    assert len(home) == len({name for name, _ in home})
    for row in rows:
        assert row["sample_id"] == f"{row['source_index']:06d}"
        assert row["identity_name"] == names[row["source_index"]]


@given(people, seeds)
def test_class_ids_are_contiguous_from_the_first_split_on_in_order_of_name(names: list, seed: int) -> None:
    rows = rows_of(faces_of(names), splits=SHARES, seed=seed)
    assert all((row["identity"] == -1) == (row["identity_name"] is None) for row in rows)
    ids = {row["identity_name"]: (row["split"], row["identity"]) for row in rows if row["identity"] != -1}
    in_order = sorted(ids, key=lambda name: (list(SHARES).index(ids[name][0]), name))
    assert [ids[name][1] for name in in_order] == list(range(len(ids)))


def test_who_goes_to_which_split_is_told_by_a_hash_of_the_name_or_of_the_sample_id_and_the_seed() -> None:
    faces = [Face("7"), Face("8", "ann"), Face("9", "bob"), *(Face(f"{i}", f"p{i}") for i in range(20, 60))]
    rows = rows_of(faces, splits=SHARES, seed=5)
    for row in rows:
        name = row["identity_name"]
        unit = f"sample/{row['sample_id']}" if name is None else f"identity/{name}"
        draw = rng.uniforms(rng.fold(rng.sample_keys([unit]), 5), 1)[0, 0]
        assert row["split"] == ("train" if draw < 0.7 else "val" if draw < 0.9 else "test")


def test_a_face_keeps_its_split_when_others_come_and_go() -> None:
    def split_of(count: int) -> dict[str, str]:
        rows = rows_of([Face(f"{i:06d}") for i in range(count)], splits=SHARES, seed=3)
        return {row["sample_id"]: row["split"] for row in rows}

    few, many = split_of(50), split_of(500)
    assert few == {name: many[name] for name in few}


def test_shares_are_kept() -> None:
    rows = rows_of([Face(str(i)) for i in range(5000)], splits=SHARES)
    shares = [sum(row["split"] == split for row in rows) / 5000 for split in SHARES]
    assert np.allclose(shares, list(SHARES.values()), atol=0.02)


@given(st.lists(st.integers(), unique=True, min_size=1, max_size=40), seeds, st.randoms(use_true_random=False))
def test_the_order_of_faces_is_that_of_their_ids_and_the_seed_whatever_the_source_gives(
    numbers: list, seed: int, random
) -> None:
    def order(ids: list[str]) -> list[str]:
        return [row["sample_id"] for row in rows_of([Face(i) for i in ids], seed=seed)]

    ids = [str(number) for number in numbers]
    mixed = random.sample(ids, len(ids))
    assert order(mixed) == order(ids)
    few = mixed[::2]
    assert order(few) == [i for i in order(ids) if i in few]


def test_every_seed_has_an_order_of_its_own_and_neighbours_in_the_source_part() -> None:
    faces = [Face(f"{i:04d}") for i in range(1000)]
    first, second = ([row["source_index"] for row in rows_of(faces, seed=seed)] for seed in (0, 1))
    assert (np.array(first) == second).mean() < 0.02
    for order in (first, second):
        assert abs(np.corrcoef(order, range(1000))[0, 1]) < 0.15


def test_in_order_of_the_source_people_lie_side_by_side() -> None:
    faces = [Face(f"{i:02d}", f"p{i // 5}") for i in range(30)]
    assert [row["source_index"] for row in rows_of(faces, order="source")] == list(range(30))
    mixed = [row["identity"] for row in rows_of(faces, order="shuffled")]
    assert sum(a == b for a, b in pairwise(mixed)) < 12


def test_a_split_that_nobody_is_drawn_for_is_left_out_but_the_first_must_have_faces(tmp_path: Path) -> None:
    lonely = {"train": 0.01, "val": 0.99}
    with pytest.raises(ParamsError, match=r"plan\.splits: by hash, none of the people of 1 face went to train"):
        planned(tmp_path / "a", [Face("0", "ann")], splits=lonely)
    plan, _ = planned(tmp_path / "b", [Face("0", "ann")], splits={"val": 0.99, "test": 0.01})
    assert list(plan.splits) == ["val"]


def test_two_faces_of_one_name_are_refused_and_both_are_named(tmp_path: Path) -> None:
    faces = [Face("a"), Face("b"), Face("c"), Face("b", "ann")]
    with pytest.raises(SourceFormatError, match=r"named/1/b and named/3/b both as 'b'"):
        planned(tmp_path, faces)


def test_part_of_a_plan_is_asked_for_by_its_rows(tmp_path: Path) -> None:
    plan, _ = planned(tmp_path, [Face(f"{i:03d}", f"p{i % 40}") for i in range(200)], splits=SHARES)
    for split, of in plan.splits.items():
        whole = plan.faces(split, 0, of.rows)
        assert whole["row"].to_pylist() == list(range(of.rows))
        assert plan.faces(split, 3, 9).equals(whole.slice(3, 6))
        assert plan.faces(split, of.rows - 2, of.rows + 100).equals(whole.slice(of.rows - 2))
        assert plan.faces(split, 5, 5).num_rows == 0


def test_a_plan_of_a_real_source_holds_the_digests_of_its_faces(root: Path, tmp_path: Path) -> None:
    (tmp_path / "demo.yaml").write_text("kind: demo\nseed: 0\nidentities: 4\nviews: 3\nsize: 64\n")
    made_from = SourceParams(str(tmp_path / "demo.yaml"), str(root / "manifests/landmarks.csv"))
    make_source(made_from, RunParams(), tmp_path / "source", root / "manifests/facesynthetics_sha256.parquet")
    outcome = plan_faces(tmp_path / "source", tmp_path / "plan", params())
    assert (outcome.faces, outcome.placed, outcome.people, outcome.new) == (12, 12, 4, 12)
    (data,) = (tmp_path / "source").glob("*.zip")
    source = FaceSynthetics(data)
    for row in Plan.open(tmp_path / "plan").faces("train", 0, 12).to_pylist():
        face = source.face(row["source_index"])
        assert (row["sample_id"], row["identity_name"]) == (face.sample_id, face.identity)
        assert row["digest"] == source.digest(row["source_index"])

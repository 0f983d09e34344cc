"""A source that numbers its people: label n is class n, in this version and in those that continue it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_files import encode, noise
from plans import SHARES, Face, NamedFaces, everybody, manifest, params
from recordio_files import insightface, write_pair

from faceshards.build.plan import PlanOutcome, plan_source
from faceshards.build.planfile import Plan
from faceshards.cam.faces import SourceFaces
from faceshards.source import open_source
from faceshards.source.alignment import Aligner
from faceshards.store.classes import labels_of


class NumberedFaces(NamedFaces):
    """Faces whose people are numbers of classes."""

    numbered = True


def numbered(folder: Path, labels: list[int], **changes: object) -> tuple[Plan, PlanOutcome]:
    folder.mkdir(parents=True, exist_ok=True)
    faces = [Face(f"{i}", str(label)) for i, label in enumerate(labels)]
    outcome = plan_source(NumberedFaces(*faces), folder, params(**changes))
    return Plan.open(folder), outcome


def numbers(plan: Plan) -> list[tuple[int, int]]:
    """The number and the class id of each face's person."""
    return [(int(row["identity_name"]), row["identity"]) for row in everybody(plan)]


@given(st.lists(st.integers(0, 2**24 - 1) | st.integers(0, 30), min_size=1, max_size=40))
def test_in_one_split_every_label_is_its_class_and_the_trainer_s_label(tmp_path_factory, labels: list[int]) -> None:
    plan, outcome = numbered(tmp_path_factory.mktemp("plan"), labels)
    assert all(number == class_id for number, class_id in numbers(plan))
    assert plan.splits["train"].classes == ((0, max(labels) + 1),)
    assert labels_of(np.array(labels), plan.splits["train"].classes).tolist() == labels
    assert not outcome.renumbered
    assert outcome.warnings == ()


def test_a_later_version_goes_on_with_the_numbers_also_of_people_who_come_back(tmp_path: Path) -> None:
    first, _ = numbered(tmp_path / "1", [0, 1, 2, 5, 11])
    second, _ = numbered(tmp_path / "2", [0, 1, 11], earlier=str(manifest(first, tmp_path / "1.parquet")))
    third, outcome = numbered(
        tmp_path / "3", [0, 1, 11, 5, 3, 14, 12], earlier=str(manifest(second, tmp_path / "2.parquet"))
    )
    assert all(number == class_id for number, class_id in numbers(third))
    assert third.splits["train"].classes == ((0, 12), (12, 15))
    assert not outcome.renumbered


def test_in_several_splits_the_order_is_that_of_the_numbers_and_the_plan_says_so(tmp_path: Path) -> None:
    plan, outcome = numbered(tmp_path, list(range(60)), splits=SHARES)
    for split in plan.splits:
        ids = sorted((int(r["identity_name"]), r["identity"]) for r in everybody(plan) if r["split"] == split)
        assert [class_id for _, class_id in ids] == list(range(ids[0][1], ids[0][1] + len(ids)))
    assert outcome.renumbered
    assert any("with all people in one split" in warning for warning in outcome.warnings)


def test_a_version_that_renumbered_is_continued_as_it_is(tmp_path: Path) -> None:
    first, _ = numbered(tmp_path / "1", list(range(20)), splits=SHARES)
    earlier = str(manifest(first, tmp_path / "1.parquet"))
    second, outcome = numbered(tmp_path / "2", [*range(20), 33, 40], splits=SHARES, earlier=earlier)
    known = dict(numbers(first))
    assert {number: class_id for number, class_id in numbers(second) if number < 20} == known
    assert sorted(class_id for number, class_id in numbers(second) if number >= 20) == [20, 21]
    assert outcome.renumbered


def test_names_that_only_look_like_numbers_are_names(tmp_path: Path) -> None:
    faces = [Face(f"{i}", name) for i, name in enumerate(["10", "9", "007"])]
    plan_source(NamedFaces(*faces), tmp_path, params())
    assert dict(numbers(Plan.open(tmp_path))) == {7: 0, 10: 1, 9: 2}


@pytest.mark.parametrize("limit", [None, 5])
def test_the_records_of_insightface_keep_their_labels_from_the_file_to_the_saliency_map(
    tmp_path: Path, limit: int | None
) -> None:
    labels = [float(label) for label in (2, 10, 0, 11, 1, 2, -1)]
    images = [encode(noise(112, 112, seed=i)) for i in range(len(labels))]
    source = open_source(write_pair(tmp_path, insightface(images, labels)), limit=limit)
    plan_source(source, tmp_path, params())
    expected = {f"{i}": int(label) for i, label in enumerate(labels[:limit], 1)}
    assert {row["sample_id"]: row["identity"] for row in everybody(Plan.open(tmp_path))} == expected
    faces = next(iter(SourceFaces(source, lambda images: np.zeros(images.shape[:3], np.uint8), Aligner("none"))))
    assert dict(zip(faces.sample_ids, faces.labels.tolist(), strict=True)) == expected

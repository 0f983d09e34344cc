"""Class ids name people for good and have gaps; labels are what a classifier is trained on."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stores import build_people

import faceshards
from faceshards.cam.faces import StoreFaces
from faceshards.errors import FaceShardsError, StoreFormatError
from faceshards.export.imagefolder import export_imagefolder
from faceshards.loader.dataset import Dataset
from faceshards.store import classes
from faceshards.store.classes import class_count, labels_of, refuse_strangers
from faceshards.store.reader import Store
from faceshards.store.schema import SplitSpec

BEFORE = [0, 2, -1, 3], ((0, 4),)
"""Class id 1 was removed since."""
GROWN = [0, 2, -1, 3, 12, 9, 12], ((0, 4), (9, 13))
"""Others came: 4 to 8 went to another split."""


@st.composite
def ranges(draw: st.DrawFn) -> list[tuple[int, int]]:
    bounds = sorted(draw(st.sets(st.integers(0, 60), max_size=8)))
    return [(start, stop) for start, stop in zip(bounds[::2], bounds[1::2], strict=False)]


@given(ranges(), st.lists(st.integers(-1, 70)))
def test_a_label_is_the_place_of_the_class_id_among_all_that_the_split_was_given(
    given_ids: list[tuple[int, int]], identity: list[int]
) -> None:
    people = [i for start, stop in given_ids for i in range(start, stop)]
    expected = [people.index(i) if i in people else -1 for i in identity]
    assert labels_of(np.array(identity, np.int64), given_ids).tolist() == expected
    assert class_count(given_ids) == len(people)


def test_batches_have_labels_without_gaps_beside_class_ids(tmp_path: Path) -> None:
    faces = faceshards.open(build_people(tmp_path / "grown", *GROWN))
    labels = [0, 2, -1, 3, 7, 4, 7]
    assert faces.num_identities == 8
    assert faces.labels.tolist() == labels
    assert faces.identities.tolist() == GROWN[0]
    whole = faces[:]
    assert whole["label"].dtype == np.int64
    assert whole["label"].tolist() == labels
    assert whole["identity"].tolist() == GROWN[0]
    found = {
        name: label
        for batch in faces.batches(2, shuffle=True)
        for name, label in zip(batch["sample_id"].tolist(), batch["label"].tolist(), strict=True)
    }
    assert [found[name] for name in sorted(found)] == labels
    assert list(faces.take([1], fields=["label"])) == ["label"]
    assert faces[4]["label"] == 7


def test_what_is_done_to_the_identities_of_a_data_set_changes_no_batch(tmp_path: Path) -> None:
    faces = faceshards.open(build_people(tmp_path / "faces", *BEFORE))
    faces.identities[:] = 0
    assert faces.identities.tolist() == faces[:]["identity"].tolist() == BEFORE[0]
    assert faces.labels.tolist() == faces[:]["label"].tolist() == BEFORE[0]


def test_a_grown_version_keeps_all_labels_and_adds_new_ones_behind(tmp_path: Path) -> None:
    before, grown = (faceshards.open(build_people(tmp_path / str(len(v[0])), *v)) for v in (BEFORE, GROWN))
    assert grown.labels[: len(before)].tolist() == before.labels.tolist()
    assert grown.labels[len(before) :].min() >= before.num_identities


def test_a_split_of_nobody_known_has_no_outputs(tmp_path: Path) -> None:
    faces = faceshards.open(build_people(tmp_path / "nobody", [-1, -1], ()))
    assert faces.num_identities == 0
    assert faces.labels.tolist() == [-1, -1]


@pytest.mark.parametrize("read", ["loader", "cam", "export"])
def test_a_class_id_that_the_split_was_never_given_is_refused(tmp_path: Path, read: str) -> None:
    store = Store.open(build_people(tmp_path / "grown", *GROWN))
    store.extents["train"] = SplitSpec(len(GROWN[0]), ((0, 4), (9, 12)))
    reads = {
        "loader": lambda: Dataset(store, "train"),
        "cam": lambda: StoreFaces(store),
        "export": lambda: export_imagefolder(store, tmp_path / "out"),
    }
    with pytest.raises(StoreFormatError, match=r"expected class ids in \[\[0, 4\], \[9, 12\]\].*has \[12\] as well"):
        reads[read]()


def test_millions_of_ids_are_looked_at_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classes, "_AT_ONCE", 3)
    identity = np.arange(10, dtype=np.int64)
    refuse_strangers(identity, [(0, 10)], "all")
    with pytest.raises(FaceShardsError, match=r"has \[9\] as well"):
        refuse_strangers(identity, [(0, 9)], "all")


def test_an_explanation_counts_outputs_by_label_too(tmp_path: Path) -> None:
    store = Store.open(build_people(tmp_path / "grown", *GROWN))
    assert np.concatenate([batch.labels for batch in StoreFaces(store)]).tolist() == [0, 2, -1, 3, 7, 4, 7]

"""In which order the stage `plan` puts the faces of a split, and what else that changes: nothing."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_pipeline import digest
from small_stores import ERASE, RUN, STORE, Build, build

import faceshards
from faceshards.build.erase import erase_faces
from faceshards.build.params import PlanParams
from faceshards.errors import StoreFormatError
from faceshards.source.imagefolder import ImageFolder
from faceshards.store.reader import Store
from faceshards.store.verify import verify

EACH = 5
SOURCE, SHUFFLED = (PlanParams(seed=0, order=order, splits={"all_of_them": 1.0}) for order in ("source", "shuffled"))


def people(folder: Path, count: int) -> ImageFolder:
    """Aligned faces of people, one person after the other."""
    for number in range(count * EACH):
        path = folder / f"{number // EACH:02d}" / f"{number % EACH}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.random.default_rng(number).integers(0, 256, (112, 112, 3), np.uint8))
    return ImageFolder(folder)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Build]:
    folder = tmp_path_factory.mktemp("orders")
    source = people(folder / "people", 6)
    return {params.order: build(folder / params.order, source, plan_params=params) for params in (SOURCE, SHUFFLED)}


def faces(of: Build) -> faceshards.Dataset:
    return faceshards.open(of.shards, split="all_of_them")


def test_people_lie_side_by_side_in_the_order_of_the_source_and_mixed_in_the_other(built: dict[str, Build]) -> None:
    assert faces(built["source"]).identities.tolist() == np.repeat(range(6), EACH).tolist()
    mixed = faces(built["shuffled"]).identities.tolist()
    neighbours = sum(a == b for a, b in pairwise(mixed))
    assert neighbours < 12  # of 29; 24 when side by side


def test_the_faces_their_regions_and_their_variants_are_the_same(built: dict[str, Build]) -> None:
    first, second = (faces(built[order])[:] | {} for order in ("source", "shuffled"))
    at = np.argsort(second["sample_id"])
    assert np.array_equal(np.sort(second["sample_id"]), first["sample_id"])
    for name, values in first.items():
        assert np.array_equal(second[name][at], values), name


def test_the_store_says_in_which_order_it_was_packed(built: dict[str, Build]) -> None:
    for order, either in built.items():
        assert Store.open(either.shards).info["provenance"]["plan"]["order"] == order
        assert verify(either.shards).ok
    assert "Order of the faces in a split: random, by seed" in (built["shuffled"].shards / "README.md").read_text()
    assert "Order of the faces in a split: the source's" in (built["source"].shards / "README.md").read_text()


def test_two_workers_write_what_one_writes(built: dict[str, Build], tmp_path: Path) -> None:
    one = built["shuffled"]
    erase_faces(one.aligned, one.parsed, tmp_path / "shards", ERASE, STORE, replace(RUN, workers=2))
    assert digest(tmp_path / "shards") == digest(one.shards)


def test_maps_of_faces_in_another_order_are_refused(built: dict[str, Build], tmp_path: Path) -> None:
    one, other = built["source"], built["shuffled"]
    with pytest.raises(StoreFormatError, match=r"expected the maps of the faces in .*; found those of other ones"):
        erase_faces(one.aligned, other.parsed, tmp_path / "shards", ERASE, STORE, RUN)
    assert not (tmp_path / "shards").exists()

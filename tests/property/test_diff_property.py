"""Whatever the order of the faces and the size of the shards: `diff` finds what a plain loop over all faces finds."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edited_stores import Row, build_edited
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from stores import ARRAYS, SIDE, face_arrays, face_spec, sample_id

from faceshards.regions import N_REGIONS
from faceshards.store.reader import Store
from faceshards.store.schema import StoreSpec
from faceshards.versions import rows
from faceshards.versions.address import open_version
from faceshards.versions.diff import diff

FACES = 23
NAMES = ("image", "region", "variant")


@st.composite
def layouts(draw: st.DrawFn) -> tuple[StoreSpec, list[int], list[int]]:
    """A spec, which face is in each row, and those that are not quite as they were made."""
    chunk = draw(st.integers(1, 4))
    train = draw(st.integers(1, FACES - 1))
    in_order = draw(st.booleans())
    order = list(range(FACES)) if in_order else draw(st.permutations(range(FACES)))
    spec = face_spec({"train": train, "val": FACES - train}, chunk * draw(st.integers(1, 4)), chunk, ARRAYS)
    return spec, order, draw(st.lists(st.integers(0, FACES - 1), max_size=6, unique=True))


def build(out: Path, layout: tuple[StoreSpec, list[int], list[int]], seed: int) -> Path:
    spec, order, touched = layout
    rng = np.random.default_rng(seed)

    def edit(split: str, row: Row, face: dict[str, NDArray[Any]]) -> None:
        place = int(row["sample_id"].rpartition("-")[2]) + (0 if split == "train" else spec.splits["train"].rows)
        which = order[place]
        row["sample_id"] = sample_id("face", which)
        for name, values in face_arrays("face", which, which + 1).items():
            face[name][:] = values
        if which in touched:
            face["region"].reshape(-1)[rng.integers(0, SIDE * SIDE, 5)] = rng.integers(0, N_REGIONS, 5)
            face["variant"][0, int(rng.integers(3)), 0, 0, 0] ^= 1
            face["image"][0, 0, 0, 0] = rng.integers(0, 256)

    return build_edited(out, edit, spec)


def by_id(path: Path) -> dict[str, dict[str, NDArray[Any]]]:
    store = Store.open(path)
    placed = [row for row in store.manifest.to_pylist() if row["status"] == "ok"]
    return {
        row["sample_id"]: {name: store.read(row["split"], name, row["row"], row["row"] + 1)[0] for name in NAMES}
        for row in placed
    }


@settings(max_examples=6)
@given(layouts(), layouts(), st.booleans())
def test_counts_are_those_of_a_plain_loop(
    a: tuple[StoreSpec, list[int], list[int]], b: tuple[StoreSpec, list[int], list[int]], small_windows: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        paths = build(Path(folder) / "a", a, 1), build(Path(folder) / "b", b, 2)
        if small_windows:
            patch.setattr(rows, "_WINDOW_BYTES", 1)
        found = diff(*(open_version(str(path)) for path in paths))
        first, second = map(by_id, paths)
    arrays = {array.array: array for array in found.arrays}
    for name in NAMES:
        unlike = [key for key in first if not np.array_equal(first[key][name], second[key][name])]
        assert arrays[name].changed == len(unlike)
    variants = np.sum([(first[k]["variant"] != second[k]["variant"]).any(axis=(1, 2, 3)) for k in first], axis=0)
    assert arrays["variant"].each_variant == tuple(variants.tolist())
    was, now = (np.stack([faces[key]["region"] for key in first]) for faces in (first, second))
    assert found.regions is not None
    assert found.regions.changed == int((was != now).sum()) == sum(pair.pixels for pair in found.regions.became)
    pairs, counts = np.unique(np.stack([was, now])[:, was != now], axis=1, return_counts=True)
    assert sorted(counts.tolist()) == sorted(pair.pixels for pair in found.regions.became)
    assert len(found.regions.became) == pairs.shape[1]

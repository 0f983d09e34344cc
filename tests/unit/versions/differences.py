"""Two versions of a small store that differ in what a test edits, and what `diff` says of them."""

from pathlib import Path
from typing import Any

import numpy as np
from edited_stores import Edit, Row
from numpy.typing import NDArray
from stores import SPLITS, face_arrays, sample_id

from faceshards.regions import N_REGIONS
from faceshards.versions.address import open_version
from faceshards.versions.diff import diff
from faceshards.versions.difference import Difference

Face = dict[str, NDArray[Any]]
FACES = 24
ONE = sample_id("train", 3)


def compare(a: Path, b: Path) -> Difference:
    return diff(open_version(str(a)), open_version(str(b)))


def of_one(change: Edit) -> Edit:
    """An edit of the face `ONE` alone."""

    def edit(split: str, row: Row, face: Face) -> None:
        if row["sample_id"] == ONE:
            change(split, row, face)

    return edit


def changed(found: Difference) -> dict[str, int]:
    """In how many faces each array changed."""
    return {array.array: array.changed for array in found.arrays if array.changed}


def shuffled(seed: int, also: Edit | None = None) -> Edit:
    """Faces of `train` in other rows, all of theirs with them."""
    order = np.random.default_rng(seed).permutation(SPLITS["train"])

    def edit(split: str, row: Row, face: Face) -> None:
        if split == "train":
            place = int(row["sample_id"].rpartition("-")[2])
            other = int(order[place])
            for name, values in face_arrays(split, other, other + 1).items():
                face[name][:] = values
            row["sample_id"] = sample_id(split, other)
            row["identity"] = int(face["identity"][0])
            row["region_px"] = np.bincount(face["region"].ravel(), minlength=256)[:N_REGIONS].tolist()
            row["erased"] = face["erased"][0].tolist()
        if also is not None:
            also(split, row, face)

    return edit

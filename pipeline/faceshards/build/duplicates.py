"""Faces of one and the same image file, and the people and splits that they lie under."""

import csv
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from faceshards.build.facelist import NOBODY, SHOW_AFTER_S, FaceList
from faceshards.build.placing import NO_PLACE, Placement
from faceshards.cells import cell
from faceshards.errors import BadSampleError
from faceshards.source.base import Source

_FIRST = 5
_SHOWN = 4


@dataclass(frozen=True)
class Duplicates:
    """Sets of faces whose images are the same bytes.

    Attributes:
        sets: how many.
        faces: how many faces are in them.
        across_people: sets under the names of more than one person, which is noise in the labels.
        across_splits: sets in more than one split, so that a split is tested on what another trains on.
        first: up to five sets, one line each; those of the two kinds above come first.
    """

    sets: int
    faces: int
    across_people: int
    across_splits: int
    first: tuple[str, ...]


def find_duplicates(source: Source, faces: FaceList, placement: Placement) -> tuple[Duplicates, bytes]:
    """Find the faces of one image among those that have a place.

    `FaceList.image` tells which may be the same. Those are read and compared, so that none is told that is not.

    Returns:
        What to tell, and a CSV table of all sets: ``set,sample_id,person,split,row``.
    """
    table = io.StringIO()
    lines = csv.writer(table, lineterminator="\n")
    lines.writerow(("set", "sample_id", "person", "split", "row"))
    count = members = across_people = across_splits = 0
    bad: list[str] = []
    harmless: list[str] = []
    splits = list(placement.splits)
    for same in _same_images(source, faces.image, np.flatnonzero(placement.split != NO_PLACE)):
        ids = [faces.sample_id[i].as_py() for i in same]
        names = [None if faces.person[i] == NOBODY else faces.people[int(faces.person[i])].as_py() for i in same]
        homes = [splits[placement.split[i]] for i in same]
        for cells in zip(ids, names, homes, placement.row[same].tolist(), strict=True):
            lines.writerow((count, *(cell(value) if isinstance(value, str) else value for value in cells)))
        people = sorted({name for name in names if name is not None})
        several_people, several_splits = len(people) > 1, len(set(homes)) > 1
        told = bad if several_people or several_splits else harmless
        if len(told) < _FIRST:
            told.append(
                f"{_some(ids, ' = ')}: "
                + (f"under {_some(people, ' and ')}" if several_people else f"of {people[0] if people else 'no name'}")
                + f" in {_some(sorted(set(homes), key=splits.index), ' and ')}"
            )
        count += 1
        members += len(same)
        across_people += several_people
        across_splits += several_splits
    first = tuple((bad + harmless)[:_FIRST])
    return Duplicates(count, members, across_people, across_splits, first), table.getvalue().encode()


def _same_images(source: Source, image: NDArray[np.uint64], placed: NDArray[np.int64]) -> Iterator[list[int]]:
    """Places in the source of the faces of one image, ascending; the sets in order of their first faces."""
    order = placed[np.argsort(image[placed], kind="stable")]
    values = image[order]
    start = np.flatnonzero(np.append(True, values[1:] != values[:-1])) if len(values) else np.empty(0, np.int64)
    length = np.diff(np.append(start, len(values)))
    start, length = start[length > 1], length[length > 1]
    by_first = np.argsort(order[start], kind="stable")
    with tqdm(total=int(length.sum()), desc="plan: comparing", unit="face", delay=SHOW_AFTER_S, disable=None) as bar:
        for begin, count in zip(start[by_first].tolist(), length[by_first].tolist(), strict=True):
            by_bytes: dict[bytes, list[int]] = {}
            for index in order[begin : begin + count].tolist():
                by_bytes.setdefault(_content(source, index), []).append(index)
            by_bytes.pop(b"", None)
            yield from (same for same in by_bytes.values() if len(same) > 1)
            bar.update(count)


def _content(source: Source, index: int) -> bytes:
    """A digest of an image's bytes; empty where it cannot be read."""
    try:
        return hashlib.sha256(source.image_bytes(index)).digest()
    except BadSampleError:
        return b""


def _some(names: list[str], between: str) -> str:
    rest = len(names) - _SHOWN
    return between.join(names[:_SHOWN]) + (f"{between}{rest} more" if rest > 0 else "")

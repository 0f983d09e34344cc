"""Which faces the parser got least right."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from faceshards.records import UInt8Array
from faceshards.regions import IGNORE
from faceshards.report.faces import Faces

EXAMINED = 4096
"""So many faces are compared of a store that has more, so that a million take no longer."""


class Compared(NamedTuple):
    """Faces compared with their ground truth.

    Attributes:
        faces: (n,) int64, counted among the usable ones, the worst first.
        agreement: (n,) float64, as from `agreement`.
    """

    faces: NDArray[np.int64]
    agreement: NDArray[np.float64]


def agreement(regions: UInt8Array, truth: UInt8Array) -> NDArray[np.float64]:
    """The share of the pixels with a true region that got it: two (n, H, W) uint8 to (n,) float64; NaN without any."""
    known = truth != IGNORE
    right = (known & (regions == truth)).sum(axis=(1, 2))
    total = known.sum(axis=(1, 2))
    share = np.full(len(total), np.nan)
    np.divide(right, total, out=share, where=total > 0)
    return share


def compare(faces: Faces, examined: int = EXAMINED) -> Compared:
    """Compare faces that have ground truth: all, or about `examined` of them in whole chunks evenly over the store."""
    step = faces.store.chunk_rows
    of_chunks = _by_chunk(faces)
    most = -(-examined // step)
    if len(of_chunks) > most:
        picked = np.linspace(0, len(of_chunks) - 1, most).round().astype(np.int64)
        of_chunks = [of_chunks[i] for i in picked.tolist()]
    parts = [_compare_chunk(faces, members) for members in of_chunks]
    if not parts:
        return Compared(np.empty(0, np.int64), np.empty(0))
    members, shares = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(shares, kind="stable")
    return Compared(members[order], shares[order])


def _by_chunk(faces: Faces) -> list[NDArray[np.int64]]:
    """Those of the usable faces that have ground truth, chunk by chunk, counted among the usable ones."""
    members = np.flatnonzero(faces.with_truth)
    chunk = faces.usable["row"].to_numpy()[members] // faces.store.chunk_rows
    split = faces.usable["split"].combine_chunks().dictionary_encode().indices.to_numpy()[members]
    begins = np.flatnonzero((np.diff(chunk) != 0) | (np.diff(split) != 0)) + 1
    return np.split(members, begins) if len(members) else []


def _compare_chunk(faces: Faces, members: NDArray[np.int64]) -> Compared:
    """Compare usable faces of one chunk."""
    rows = faces.usable.slice(members[0], members[-1] + 1 - members[0])
    split, row = rows["split"][0].as_py(), rows["row"].to_numpy()
    bounds = int(row[0]), int(row[-1]) + 1
    at = row[members - members[0]] - row[0]
    shares = agreement(faces.store.read(split, "region", *bounds)[at], faces.truth(split, *bounds)[at])
    known = ~np.isnan(shares)
    return Compared(members[known], shares[known])

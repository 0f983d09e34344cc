"""Which faces the parser got least right."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from faceshards.records import UInt8Array
from faceshards.regions import IGNORE
from faceshards.report.chunks import Chunk, chunks_of, evenly
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
    """Compare faces that have ground truth: all, or about `examined` of them in whole chunks evenly over the store.

    None are compared where the region maps are the truth.
    """
    chunks = [] if faces.regions_are_truth else chunks_of(faces, np.flatnonzero(faces.with_truth))
    parts = [_compare_chunk(faces, chunk) for chunk in evenly(chunks, examined)]
    if not parts:
        return Compared(np.empty(0, np.int64), np.empty(0))
    members, shares = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(shares, kind="stable")
    return Compared(members[order], shares[order])


def _compare_chunk(faces: Faces, chunk: Chunk) -> Compared:
    regions = faces.store.read(chunk.split, "region", *chunk.bounds)[chunk.at]
    shares = agreement(regions, faces.truth(chunk.split, *chunk.bounds)[chunk.at])
    known = ~np.isnan(shares)
    return Compared(chunk.members[known], shares[known])

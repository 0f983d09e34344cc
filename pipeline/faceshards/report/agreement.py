"""Which faces the parser got least right."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceshards.records import UInt8Array
from faceshards.regions import IGNORE
from faceshards.report.faces import Faces
from faceshards.store.gather import gather

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
    """Compare faces that have ground truth: all, or about `examined` of them in whole chunks evenly over the source."""
    index = faces.usable["source_index"].to_numpy()
    step = faces.store.chunk_rows
    chunks = np.unique(index[faces.with_truth] // step)
    most = -(-examined // step)
    if len(chunks) > most:
        chunks = chunks[np.linspace(0, len(chunks) - 1, most).round().astype(np.int64)]
    parts = [_compare_chunk(faces, *np.searchsorted(index, (c * step, (c + 1) * step))) for c in chunks]
    if not parts:
        return Compared(np.empty(0, np.int64), np.empty(0))
    members, shares = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(shares, kind="stable")
    return Compared(members[order], shares[order])


def _compare_chunk(faces: Faces, start: int, stop: int) -> Compared:
    """Compare the usable faces ``start .. stop``."""
    has_truth = faces.with_truth[start:stop]
    rows = faces.usable.slice(start, stop - start).filter(pa.array(has_truth))
    members = start + np.flatnonzero(has_truth)
    index, row = rows["source_index"].to_numpy(), rows["row"].to_numpy()
    split = np.asarray(rows["split"].to_pylist(), dtype=object)
    truth = faces.truth(int(index[0]), int(index[-1]) + 1)[index - index[0]]
    regions = np.empty_like(truth)
    for name in faces.store.splits:
        here = split == name
        if here.any():
            regions[here] = gather(faces.store, name, "region", row[here])
    shares = agreement(regions, truth)
    known = ~np.isnan(shares)
    return Compared(members[known], shares[known])

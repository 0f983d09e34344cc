"""The numbers of the faces that the page can search, sort and filter: one row a face, usable or dropped out."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from faceshards.regions import N_REGIONS
from faceshards.report.agreement import Compared
from faceshards.report.faces import Faces
from faceshards.report.measures import areas_of, measure_faces
from faceshards.report.survey import Survey

CODES = 30
"""So many reasons and remarks are told apart; rarer ones are one more, ``"other"``."""

OTHER = "other"
_DROPPED_SHARE = 4


@dataclass(frozen=True)
class Rows:
    """n rows, in the order of the manifest.

    Attributes:
        places: (n,) int64, rows of the manifest.
        usable: (n,) int64, the face counted among the usable ones; -1 where it dropped out.
        surveyed: (n,) int64, the face counted among those of the survey; -1 where it is not.
        split: (n,) uint8, place in the splits of the store.
        areas: (n, 25) int32 pixels; 0 where the face dropped out.
        codes: (n,) uint32, a bit for each of `code_names` that is the face's reason or one of its remarks.
        code_names: the most frequent first.
        measures: (n,) float64 each, by key; NaN where a row has none.
    """

    places: NDArray[np.int64]
    usable: NDArray[np.int64]
    surveyed: NDArray[np.int64]
    split: NDArray[np.uint8]
    areas: NDArray[np.int32]
    codes: NDArray[np.uint32]
    code_names: tuple[str, ...]
    measures: dict[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.places)


def rows_of(faces: Faces, looked: Survey, compared: Compared, most: int) -> Rows:
    """Collect the rows: all faces, or at most about `most`.

    Of more faces those that were surveyed are taken, and of those that dropped out as many as a quarter of `most`,
    evenly from the first to the last.
    """
    total = faces.store.manifest.num_rows
    is_usable = np.zeros(total, np.bool_)
    is_usable[faces.places] = True
    dropped = np.flatnonzero(~is_usable)
    room = max(most // _DROPPED_SHARE, most - len(faces.places))
    if len(dropped) > room:
        dropped = dropped[np.linspace(0, len(dropped) - 1, room).round().astype(np.int64)]
    places = np.sort(np.concatenate([faces.places[looked.faces], dropped]))
    usable, surveyed = _numbers(faces.places, total)[places], _numbers(faces.places[looked.faces], total)[places]
    manifest = faces.store.manifest
    codes, code_names = codes_of(manifest["reason"].take(places), usable < 0)
    split = pc.index_in(manifest["split"].take(places), value_set=pa.array(list(faces.store.splits)))
    areas = np.zeros((len(places), N_REGIONS), np.int32)
    areas[usable >= 0] = areas_of(faces, usable[usable >= 0])
    measures = {key: _spread(values, usable) for key, values in measure_faces(faces, looked, compared).items()}
    return Rows(places, usable, surveyed, split.to_numpy().astype(np.uint8), areas, codes, code_names, measures)


def _numbers(members: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """(total,) the place of each row among `members`; -1 where it is none of them."""
    out = np.full(total, -1, np.int64)
    out[members] = np.arange(len(members))
    return out


def codes_of(reason: pa.ChunkedArray, dropped: NDArray[np.bool_]) -> tuple[NDArray[np.uint32], tuple[str, ...]]:
    """Which reasons and remarks each row has, as bits.

    Args:
        reason: (n,) a line each, the code before its colon; null for none.
        dropped: (n,) rows that have a reason even where none is given.

    Returns:
        (n,) uint32, and what each bit stands for: the `CODES` most frequent codes, then `OTHER` where there are more.
    """
    told = pc.if_else(pa.array(dropped), pc.fill_null(reason, "no reason given"), reason)
    lines = pc.split_pattern(told, "\n").combine_chunks()
    row = pc.list_parent_indices(lines).to_numpy()
    flat = pc.list_flatten(lines)
    code = pc.list_element(pc.split_pattern(flat, ":", max_splits=1), 0)
    counts = sorted(pc.value_counts(code).to_pylist(), key=lambda one: (-one["counts"], one["values"]))
    names = [one["values"] for one in counts[:CODES]]
    bit = pc.fill_null(pc.index_in(code, value_set=pa.array(names, pa.string())), len(names)).to_numpy()
    out = np.zeros(len(reason), np.uint32)
    np.bitwise_or.at(out, row, np.uint32(1) << bit.astype(np.uint32))
    return out, (*names, OTHER) if len(counts) > CODES else tuple(names)


def _spread(values: NDArray[np.float64], number: NDArray[np.int64]) -> NDArray[np.float64]:
    """Values by row, from values by number; NaN where a row has none."""
    out = np.full(len(number), np.nan)
    out[number >= 0] = values[number[number >= 0]]
    return out

"""The numbers of the faces that the page can search, sort and filter: one row a face, usable or dropped out."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from faceshards.build.align import FACE_SIZE, ROLL
from faceshards.build.sureness import CONFIDENCE, MIRROR_AGREEMENT
from faceshards.regions import MIRROR, N_REGIONS, Region
from faceshards.report.agreement import Compared
from faceshards.report.faces import Faces
from faceshards.report.survey import Survey

CODES = 30
"""So many reasons and remarks are told apart; rarer ones are one more, ``"other"``."""

OTHER = "other"
_DROPPED_SHARE = 4
_PICTURE_LEFT = (Region.RIGHT_CHEEK, Region.RIGHT_CHIN, Region.RIGHT_FOREHEAD, Region.AROUND_RIGHT_EYE)
_PICTURE_RIGHT = tuple(MIRROR[region] for region in _PICTURE_LEFT)


@dataclass(frozen=True)
class Measure:
    """A number that many faces have.

    Attributes:
        key: such as ``"confidence"``.
        label: what people read.
        help: one sentence on what it is.
        unit: behind the number, or empty.
        digits: behind the point.
        values: (n,) float64 by row; NaN where a face has none.
    """

    key: str
    label: str
    help: str
    unit: str
    digits: int
    values: NDArray[np.float64]


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
        measures: those that any row has.
    """

    places: NDArray[np.int64]
    usable: NDArray[np.int64]
    surveyed: NDArray[np.int64]
    split: NDArray[np.uint8]
    areas: NDArray[np.int32]
    codes: NDArray[np.uint32]
    code_names: tuple[str, ...]
    measures: tuple[Measure, ...]

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
    codes, code_names = _codes(manifest["reason"].take(places), usable < 0)
    split = pc.index_in(manifest["split"].take(places), value_set=pa.array(list(faces.store.splits)))
    areas = np.zeros((len(places), N_REGIONS), np.int32)
    held = usable >= 0
    areas[held] = np.asarray(
        faces.usable["region_px"].take(usable[held]).combine_chunks().flatten().to_numpy(), np.int32
    ).reshape(-1, N_REGIONS)
    measures = _measures(faces, looked, compared, usable, surveyed, areas)
    return Rows(places, usable, surveyed, split.to_numpy().astype(np.uint8), areas, codes, code_names, measures)


def _numbers(members: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """(total,) the place of each row among `members`; -1 where it is none of them."""
    out = np.full(total, -1, np.int64)
    out[members] = np.arange(len(members))
    return out


def _codes(reason: pa.ChunkedArray, dropped: NDArray[np.bool_]) -> tuple[NDArray[np.uint32], tuple[str, ...]]:
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


def _measures(
    faces: Faces,
    looked: Survey,
    compared: Compared,
    usable: NDArray[np.int64],
    surveyed: NDArray[np.int64],
    areas: NDArray[np.int32],
) -> tuple[Measure, ...]:
    def of_faces(values: NDArray[np.float32] | NDArray[np.float64]) -> NDArray[np.float64]:
        return _spread(np.asarray(values, np.float64), usable)

    def column(name: str) -> NDArray[np.float64]:
        if name not in faces.usable.column_names:
            return np.full(len(usable), np.nan)
        return of_faces(faces.usable[name].to_numpy(zero_copy_only=False))

    agreement = np.full(faces.usable.num_rows, np.nan)
    agreement[compared.faces] = compared.agreement
    found = [
        Measure(
            *("confidence", "confidence", "Mean probability that the parser gives to the region of a pixel.", "%", 1),
            column(CONFIDENCE.name) * 100,
        ),
        Measure(
            *(
                "mirror",
                "mirror agreement",
                "Pixels on which the maps of a face and of its mirror image agree.",
                "%",
                1,
            ),
            column(MIRROR_AGREEMENT.name) * 100,
        ),
        Measure(
            *("agreement", "agrees with truth", "Pixels whose region is that of the ground truth.", "%", 1),
            of_faces(agreement) * 100,
        ),
    ]
    if looked.pixels is not None:
        words = (
            ("sharpness", "sharpness", "Variance of the Laplacian of the aligned face: low is blurred.", "", 1),
            ("brightness", "brightness", "Mean luma of the aligned face, 0 is black and 255 white.", "", 1),
            ("contrast", "contrast", "Standard deviation of the luma: low is a picture that shows little.", "", 1),
            ("colour", "colour", "Mean spread of the three channels: 0 is a grey picture.", "", 1),
        )
        for text, values in zip(words, looked.pixels.quality, strict=True):
            found.append(Measure(*text, _spread(np.asarray(values, np.float64), surveyed)))
    found += [
        Measure(
            *("size", "face size", "Side of the aligned square in pixels of the source's image.", "px", 0),
            of_faces(faces.aligned_column(FACE_SIZE.name)),
        ),
        Measure(
            *("roll", "tilt", "Degrees by which the face was tilted clockwise in the source's image.", "°", 1),
            of_faces(faces.aligned_column(ROLL.name)),
        ),
        Measure(
            "turn",
            "turn",
            "How much more skin regions cover on the picture's right than on its left: far from 0 is a turned head.",
            "%",
            0,
            np.where(usable >= 0, side_balance(areas), np.nan) * 100,
        ),
    ]
    return tuple(measure for measure in found if not np.isnan(measure.values).all())


def side_balance(areas: NDArray[np.int32]) -> NDArray[np.float64]:
    """How much larger cheek, chin, forehead and surroundings of the eye are on the picture's right than on its left.

    A hint of a turned head, and a rough one: hair and shadows count as well.

    Args:
        areas: (n, 25) pixels of each region.

    Returns:
        (n,) -1 to 1: the difference of both sides, of their sum; NaN of faces that show neither.

    Example:
        >>> side_balance(np.eye(25, dtype=np.int32)[[Region.LEFT_CHEEK]])
        array([1.])
    """
    left, right = (areas[:, list(side)].sum(axis=1) for side in (_PICTURE_LEFT, _PICTURE_RIGHT))
    total = left + right
    out: NDArray[np.float64] = np.divide(right - left, total, out=np.full(len(areas), np.nan), where=total > 0)
    return out


def _spread(values: NDArray[np.float64], number: NDArray[np.int64]) -> NDArray[np.float64]:
    """Values by row, from values by number; NaN where a row has none."""
    out = np.full(len(number), np.nan)
    out[number >= 0] = values[number[number >= 0]]
    return out

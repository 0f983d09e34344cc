"""The numbers that faces have: how sure the parser was, how sharp the picture is, how the head is turned."""

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from faceshards.build.alignedrows import FACE_SIZE, ROLL
from faceshards.build.sureness import CONFIDENCE, MIRROR_AGREEMENT
from faceshards.regions import MIRROR, N_REGIONS, Region
from faceshards.report.agreement import Compared
from faceshards.report.faces import Faces
from faceshards.report.survey import Survey

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
    """

    key: str
    label: str
    help: str
    unit: str = ""
    digits: int = 1


MEASURES = (
    Measure("confidence", "confidence", "Mean probability that the parser gives to the region of a pixel.", "%"),
    Measure("mirror", "mirror agreement", "Pixels on which the maps of a face and of its mirror image agree.", "%"),
    Measure("agreement", "agrees with truth", "Pixels whose region is that of the ground truth.", "%"),
    Measure("sharpness", "sharpness", "Variance of the Laplacian of the aligned face: low is blurred."),
    Measure("brightness", "brightness", "Mean luma of the aligned face: 0 is black and 255 white."),
    Measure("contrast", "contrast", "Standard deviation of the luma: low is a picture that shows little."),
    Measure("colour", "colour", "Mean spread of the three channels: 0 is a grey picture."),
    Measure("typical", "likeness", "Correlation with the mean face: low is a face unlike the others, or none.", "%"),
    Measure("size", "face size", "Side of the aligned square in pixels of the source's image.", "px", 0),
    Measure("roll", "tilt", "Degrees by which the face was tilted clockwise in the source's image.", "°"),
    Measure(
        "turn",
        "turn",
        "How much more skin regions cover on the picture's right than on its left: far from 0 is a turned head.",
        "%",
        0,
    ),
)
"""All measures, in the order of the page. One that no face has is left out."""


def measure_faces(faces: Faces, looked: Survey, compared: Compared) -> dict[str, NDArray[np.float64]]:
    """The measures of all usable faces, (n,) each, by key; NaN where a face has none, and none that no face has."""
    n = faces.usable.num_rows
    agreement = np.full(n, np.nan)
    agreement[compared.faces] = compared.agreement
    found = {
        "confidence": _column(faces, CONFIDENCE.name) * 100,
        "mirror": _column(faces, MIRROR_AGREEMENT.name) * 100,
        "agreement": agreement * 100,
        "size": np.asarray(faces.aligned_column(FACE_SIZE.name), np.float64),
        "roll": np.asarray(faces.aligned_column(ROLL.name), np.float64),
        "turn": side_balance(areas_of(faces, np.arange(n))) * 100,
    }
    if looked.pixels is not None:
        for key, values in {**looked.pixels.quality._asdict(), "typical": looked.pixels.typical * 100}.items():
            found[key] = np.full(n, np.nan)
            found[key][looked.faces] = values
    return {measure.key: found[measure.key] for measure in MEASURES if not _none(found.get(measure.key))}


def areas_of(faces: Faces, members: NDArray[np.int64]) -> NDArray[np.int32]:
    """(m, 25) pixels of each region in some usable faces."""
    areas = pc.list_flatten(faces.usable["region_px"].take(members)).to_numpy()
    return np.asarray(areas, np.int32).reshape(-1, N_REGIONS)


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


def _column(faces: Faces, name: str) -> NDArray[np.float64]:
    if name not in faces.usable.column_names:
        return np.full(faces.usable.num_rows, np.nan)
    return np.asarray(faces.usable[name].to_numpy(), np.float64)


def _none(values: NDArray[np.float64] | None) -> bool:
    return values is None or bool(np.isnan(values).all())

"""Face skin cut into nine regions by polygons over mesh points.

The rule was read off the FSErasing authors' published labels (Kawai et al., IET Biometrics 2024), which were drawn by
rule from a MediaPipe mesh: a line across the lower forehead, a line across the chin, the face's midline, a patch
around each eye and a wedge between the brows; whatever no line cuts off is cheek.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from faceshards.ops.mesh import MeshPoints
from faceshards.records import Float64Array, UInt8Array
from faceshards.regions import Region


class SideLines(NamedTuple):
    """Numbers of the mesh points of one half of the face; lines run from the midline outward."""

    forehead: tuple[int, ...]
    chin: tuple[int, ...]
    eye: tuple[int, ...]


RIGHT = SideLines(
    forehead=(151, 108, 69, 68, 21),
    chin=(200, 201, 204, 215),
    eye=(21, 68, 69, 107, 168, 193, 245, 128, 121, 120, 119, 118, 117, 111, 143, 139),
)
LEFT = SideLines(
    forehead=(151, 337, 299, 298, 251),
    chin=(200, 421, 424, 435),
    eye=(251, 298, 299, 336, 168, 417, 465, 357, 350, 349, 348, 347, 346, 340, 372, 368),
)
TOP, BOTTOM = 10, 152
MIDLINE = (10, 151, 168, 164, 200, 175)
WEDGE = (69, 108, 151, 337, 299, 336, 168, 107)
RIGHT_OF_WEDGE, LEFT_OF_WEDGE = (69, 107, 168), (299, 336, 168)

_HIDDEN_BELOW = 0.75
"""A half this much narrower than the other is turned away, and its lines are carried on straight."""

_EYE_LOWER = 0.005
"""How much lower than its points the authors' patch around an eye lies, in heights of the face (`TOP` to `BOTTOM`)."""

_STEEPEST = 0.5
"""Cosine of the steepest angle at which a line is carried on sideways."""

_PIXEL_LIMIT = 1e6
_SUBPIXEL_BITS = 4

# Indexed by 1 (right half) + 2 (below the chin line) + 4 (above the forehead line).
_BY_LINES = np.array(
    [
        Region.LEFT_CHEEK,
        Region.RIGHT_CHEEK,
        Region.LEFT_CHIN,
        Region.RIGHT_CHIN,
        Region.LEFT_FOREHEAD,
        Region.RIGHT_FOREHEAD,
        Region.LEFT_FOREHEAD,
        Region.RIGHT_FOREHEAD,
    ],
    np.uint8,
)


def split_skin(points: MeshPoints, shape: tuple[int, int]) -> UInt8Array:
    """Say for every pixel which of the nine skin regions it would be, were it skin.

    Args:
        points: the mesh points named above; pixels, with the origin at the centre of the top left pixel.
        shape: (H, W) of the picture.

    Returns:
        (H, W) uint8, `Region` 1-9 everywhere.
    """
    far = 4.0 * sum(shape)
    up = unit(points[TOP] - points[BOTTOM], np.array([0.0, -1.0]))
    rightward = np.array([up[1], -up[0]])

    halves = ((RIGHT, rightward), (LEFT, -rightward))
    widths = [abs(float((points[own.chin[-1]] - points[own.chin[0]]) @ outward)) for own, outward in halves]
    right_hidden, left_hidden = (width < _HIDDEN_BELOW * max(widths) for width in widths)

    right_half, chin, forehead = (np.zeros(shape, np.uint8) for _ in range(3))
    fill(right_half, _right_half(points, rightward, far), 1)
    for (own, outward), hidden in zip(halves, (right_hidden, left_hidden), strict=True):
        brow_line = _outward_only([points[k] for k in own.forehead], outward)
        chin_line = _outward_only([points[k] for k in own.chin], outward)
        brow_heading = outward if hidden or len(brow_line) < 2 else brow_line[-1] - brow_line[-2]
        if hidden:
            chin_line = _outward_only([points[k] for k in own.chin[:2]], outward)
        chin_heading = outward if hidden or len(chin_line) < 2 else chin_line[-1] - chin_line[-2]
        fill(forehead, _side_of(brow_line, _heading(brow_heading, outward), up, far), 1)
        fill(chin, _side_of(chin_line, _heading(chin_heading, outward), -up, far), 1)

    regions: UInt8Array = _BY_LINES[right_half + 2 * chin + 4 * forehead]
    # Beside a hidden half's mesh the picture still shows skin of the nose bridge and brow.
    for edge, hidden, outward in ((RIGHT_OF_WEDGE, right_hidden, rightward), (LEFT_OF_WEDGE, left_hidden, -rightward)):
        if hidden:
            line = [points[k] for k in edge]
            fill(regions, [line[0] + far * outward, *line, line[-1] + far * outward], Region.MIDDLE_FOREHEAD)
    lower = _EYE_LOWER * (points[BOTTOM] - points[TOP])
    for own, region in ((RIGHT, Region.AROUND_RIGHT_EYE), (LEFT, Region.AROUND_LEFT_EYE)):
        fill(regions, [points[k] + lower for k in own.eye], region)
    fill(regions, [points[k] for k in WEDGE], Region.MIDDLE_FOREHEAD)
    return regions


def fill(canvas: UInt8Array, polygon: Sequence[Float64Array], value: int) -> None:
    """Paint a closed polygon of (2,) pixels, its outline included, onto `canvas` (H, W) in place."""
    corners = np.clip(np.array(polygon), -_PIXEL_LIMIT, _PIXEL_LIMIT) * (1 << _SUBPIXEL_BITS)
    cv2.fillPoly(canvas, [np.round(corners).astype(np.int32)], value, shift=_SUBPIXEL_BITS)


def unit(vector: Float64Array, otherwise: Float64Array) -> Float64Array:
    """`vector` (2,) at length 1, or `otherwise` where it has no length."""
    length = float(np.hypot(vector[0], vector[1]))
    return vector / length if length > 0 else otherwise


def _right_half(points: MeshPoints, rightward: Float64Array, far: float) -> list[Float64Array]:
    line = [points[k] for k in MIDLINE]
    down = np.array([-rightward[1], rightward[0]])
    top = line[0] + far * unit(line[0] - line[1], -down)
    bottom = line[-1] + far * unit(line[-1] - line[-2], down)
    return [top, *line, bottom, bottom + far * rightward, top + far * rightward]


def _outward_only(line: list[Float64Array], outward: Float64Array) -> list[Float64Array]:
    """Drop the points of a line that fold back toward the midline, as those of a hidden half do."""
    kept = line[:1]
    for point in line[1:]:
        if (point - kept[-1]) @ outward > 0:
            kept.append(point)
    return kept


def _heading(direction: Float64Array, outward: Float64Array) -> Float64Array:
    heading = unit(direction, outward)
    return heading if heading @ outward >= _STEEPEST else outward


def _side_of(line: list[Float64Array], heading: Float64Array, side: Float64Array, far: float) -> list[Float64Array]:
    """What lies on `side` of a line that is carried on along `heading`."""
    line = [*line, line[-1] + far * heading]
    return [*line, line[-1] + far * side, line[0] + far * side]

"""What demo faces are made of: measures, colours, and the draws that tell one person from another.

The unit is the distance of the pupils, the origin lies between them on the head's axis; x to the image's right, y down,
z to the camera. Measures are typical ones, set by hand.
"""

import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceshards.records import Float32Array
from faceshards.rng import fold, sample_keys, uniforms

Draws = partial[Float32Array]
"""`draw` with its key: call it with a trait's name and range."""

ROUND = 2.3
"""Exponent of the super-ellipse that a horizontal cut is."""

# height, half width, depth to the front and to the back: of the bald head, and of neck and shoulders
HEAD = np.array([(-1.95, 0.02, 0.02, 0.02), (-1.9, 0.36, 0.42, 0.5), (-1.75, 0.65, 0.8, 0.9), (-1.5, 0.87, 1.1, 1.2),
    (-1.1, 1.04, 1.34, 1.45), (-0.6, 1.08, 1.44, 1.58), (-0.2, 1.03, 1.46, 1.6), (0.5, 0.98, 1.4, 1.45),
    (0.9, 0.91, 1.4, 1.25), (1.2, 0.81, 1.38, 1.1), (1.68, 0.5, 1.22, 0.9), (2, 0.4, 1.1, 0.9)]).T  # fmt: skip
BODY = np.array([(0, 0.57, 0.42, 0.85), (1.9, 0.57, 0.42, 0.9), (2.15, 0.75, 0.5, 0.95), (2.4, 1.3, 0.7, 1.0),
    (2.65, 2.0, 0.8, 1.05), (3, 2.5, 1.0, 1.1), (3.6, 2.75, 1.2, 1.2), (4.5, 2.8, 1.3, 1.3)]).T  # fmt: skip
# heights where jaw, hat and hair end at angles from the front to the nape; hair after its thickness, women's first
TURNS = np.radians([0, 15, 30, 50, 65, 88, 115, 180])
JAW, HAT = [1.69, 1.62, 1.42, 1.1, 0.8, 0.6, 0.6, 0.75], [-0.8, -0.79, -0.76, -0.7, -0.62, -0.4, 0, 0.2]
HAIR = [(0.2, [-1.1, -1.05, -0.92, -0.5, 1.2, 2.4, 2.6, 2.6]), (0.24, [-1.05, -1, -0.88, -0.45, 1.2, 1.6, 1.6, 1.6]),
    (0.22, [-0.5, -0.5, -0.5, -0.4, 0.4, 0.6, 0.9, 1]), (0.5, [-1, -0.98, -0.9, -0.6, 0.1, 0.3, 0.8, 0.9]),
    (0.25, [-1.1, -1.06, -0.95, -0.62, 0.1, -0.3, 0.75, 0.9]), (0.1, [-1.25, -1.4, -1.42, -0.8, 0, -0.35, 0.7, 0.9]),
    (0, [-2.5] * 8)]  # fmt: skip
# iBUG 68 and the pupils, seen from the front: midline and the image's left half, and which are their mirror images
_LEFT = [*range(9), *range(17, 22), *range(27, 34), *range(36, 42), *range(48, 52), *range(57, 63), 66, 67, 68]
_RIGHT = [*range(16, 7, -1), *range(26, 21, -1), *range(27, 31), 35, 34, 33, 45, 44, 43, 42, 47, 46, 54, 53, 52, 51,
    57, 56, 55, 64, 63, 62, 66, 65, 69]  # fmt: skip
_POINTS = [(-0.97, -0.28), (-0.96, 0), (-0.94, 0.28), (-0.91, 0.57), (-0.84, 0.86), (-0.73, 1.14), (-0.55, 1.4),
    (-0.29, 1.6), (0, 1.67), (-0.8, -0.23), (-0.71, -0.3), (-0.57, -0.33), (-0.42, -0.3), (-0.27, -0.25), (0, 0.02),
    (0, 0.24), (0, 0.46), (0, 0.66), (-0.25, 0.72), (-0.13, 0.78), (0, 0.8), (-0.68, 0), (-0.59, -0.085),
    (-0.43, -0.085), (-0.31, 0.03), (-0.42, 0.075), (-0.57, 0.08), (-0.4, 1.08), (-0.27, 1.02), (-0.1, 0.98),
    (0, 0.995), (0, 1.24), (-0.13, 1.23), (-0.27, 1.17), (-0.35, 1.08), (-0.16, 1.075), (0, 1.08), (0, 1.09),
    (-0.16, 1.085), (-0.5, 0)]  # fmt: skip
# hills on the head: how high, at which angle (both sides) and height, extents sideways, up and down: nose (bridge,
# tip, wings), mouth, lower lip, eye sockets, eyes, brows, cheeks, chin, the fold above it, ears
HILLS = np.array([(0.1, 0, 0.25, 0.13, 0.3, 0.4), (0.36, 0, 0.64, 0.14, 0.34, 0.13), (0.13, 0.14, 0.7, 0.07, 0.1, 0.08),
    (0.09, 0, 1.06, 0.3, 0.2, 0.3), (0.05, 0, 1.17, 0.2, 0.07, 0.07), (-0.14, 0.37, -0.02, 0.2, 0.17, 0.17),
    (0.1, 0.38, 0, 0.13, 0.11, 0.11), (0.06, 0.33, -0.3, 0.3, 0.1, 0.1), (0.07, 0.46, 0.42, 0.22, 0.25, 0.3),
    (0.1, 0, 1.5, 0.25, 0.16, 0.16), (-0.05, 0, 1.36, 0.22, 0.07, 0.07), (0.24, 1.52, 0.12, 0.15, 0.36, 0.4)]
)  # fmt: skip
# right halves of the outlines of the nose, of a full beard and a goatee
HALVES = ([(0, -0.06), (0.07, -0.06), (0.1, 0.13), (0.14, 0.43), (0.27, 0.6), (0.28, 0.71), (0.2, 0.8), (0, 0.84)],
    [(0, 0.87), (0.3, 0.92), (0.45, 0.98), (0.58, 0.88), (0.85, 0.5), (0.93, 0.1), (0.99, 0.1), (0.93, 0.9), (0, 1.9)],
    [(0, 0.88), (0.3, 0.93), (0.47, 1.1), (0.42, 1.45), (0.25, 1.68), (0, 1.73)])  # fmt: skip
# colours, from dark to light
SKINS = [[92, 58, 42], [128, 82, 56], [172, 118, 84], [212, 158, 120], [234, 188, 158], [246, 212, 192]]
HAIRS = [[22, 18, 18], [40, 28, 22], [74, 48, 32], [120, 78, 46], [188, 146, 88], [142, 62, 30], [165, 165, 165]]
IRISES = [[52, 32, 20], [84, 54, 30], [98, 96, 56], [82, 116, 140], [110, 130, 128]]


def draw(key: NDArray[Any], name: str, low: float = 0, high: float = 1, shape: tuple[int, ...] = ()) -> Float32Array:
    """Uniform draws looked up by name, so that a new trait changes no other and order means nothing."""
    draws = uniforms(fold(key, sample_keys([name])[0]), math.prod(shape)).astype(np.float32)
    return low + (high - low) * draws.reshape(shape)


def expression(who: Draws, now: Draws) -> Float32Array:
    """Landmarks (70, 2) seen from the front."""
    points = np.zeros((70, 2), np.float32)
    points[_RIGHT], points[_LEFT] = np.array(_POINTS) * (-1, 1), _POINTS
    x, y = points.T  # views: what follows bends the points in place
    y[17:27] += who("brow height", -0.06, 0.02) - now("brow raise", 0, 0.06)
    y[36:48] *= who("eye height", 0.85, 1.2) * now("eye open", 0.7, 1.1)
    x[31:36] *= who("nose width", 0.85, 1.2)
    x[68:] += now("gaze", -0.07, 0.07)
    gap, smile = np.maximum(0, now("mouth open", -0.2, 0.2)), now("smile", -0.5, 1)
    x[48:68] *= who("mouth width", 0.9, 1.12) * (1 + 0.12 * smile - 0.4 * gap)
    y[48:60] += (y[48:60] - 1.08) * who("lips", -0.25, 0.3)
    y[[48, 54, 60, 64]] += 0.3 * gap - 0.06 * smile
    y[[55, 56, 57, 58, 59, 65, 66, 67]] += gap
    return points


def between(table: list[list[int]], t: NDArray[Any]) -> NDArray[Any]:
    """The colour at t in [0, 1] along a table of colours."""
    return np.array([np.interp(t, np.linspace(0, 1, len(table)), channel) for channel in np.transpose(table)])


def on_head(points: ArrayLike) -> Float32Array:
    """Positions (n, 2) seen from the front, to (n, 2) angle and height on the head."""
    x, y = np.asarray(points, np.float32).T
    width, front = (np.interp(y, HEAD[0], row) for row in HEAD[1:3])
    z = front * (1 - np.clip(np.abs(x) / width, 0, 0.985) ** ROUND) ** (1 / ROUND)
    return np.stack([np.arctan2(x, z), y], 1).astype(np.float32)

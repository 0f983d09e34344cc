"""Invented faces with exact labels: a renderer of numpy and OpenCV, no data behind it.

A person is a relief around a vertical axis: a grid over (height, angle) holds its radius, a finer one, the canvas,
colour and class, both filled from one outline. Every pixel's ray is followed to the relief and sees what lies there.
The unit is the distance of the pupils, the origin lies between them on the axis; x right, y down, z to the camera.

Processors differ in the last bits of sines, powers and products. So that no pixel shows it, all of it is in float64,
and OpenCV looks up places that were rounded to its own 32nds of a cell.
"""

from functools import partial
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceshards.records import Float32Array, Float64Array, UInt8Array
from faceshards.regions import CoarseRegion as Part
from faceshards.rng import fold, sample_keys, uniforms

_Draws = partial[Float64Array]
_COLUMNS, _ROWS, _FINE = 400, 380, 2  # of the relief; the canvas is that many times finer
_CORNER, _CELLS = np.array([-2.7, -2.5]), np.array([400 / 5.4, 50])  # of angle and height
_ANGLE = np.arange(_COLUMNS) / _CELLS[0] + _CORNER[0]  # 0 at the nose, rising to the image's right
_HEIGHT = np.arange(_ROWS)[:, None] / _CELLS[1] + _CORNER[1]
_SIDE, _SIN, _COS, _ROUND = np.abs(_ANGLE), np.sin(_ANGLE), np.cos(_ANGLE), 2.3  # exponent of the cuts
_CIRCLE = np.array([(np.cos(t), np.sin(t)) for t in np.linspace(0, 2 * np.pi, 25)])
# height, half width, depth to the front and to the back: of the bald head, and of neck and shoulders
_HEAD = np.array([(-1.95, 0.02, 0.02, 0.02), (-1.88, 0.42, 0.5, 0.6), (-1.5, 0.87, 1.1, 1.2), (-1, 1.05, 1.36, 1.48),
    (-0.4, 1.06, 1.46, 1.6), (0.5, 0.98, 1.4, 1.45), (1.2, 0.81, 1.38, 1.1), (1.68, 0.5, 1.22, 0.9)]).T  # fmt: skip
_BODY = np.array([(0, 0.57, 0.42, 0.85), (1.9, 0.57, 0.42, 0.9), (2.15, 0.75, 0.5, 0.95), (2.4, 1.3, 0.7, 1.0),
    (2.65, 2.0, 0.8, 1.05), (3, 2.5, 1.0, 1.1), (3.6, 2.75, 1.2, 1.2), (4.5, 2.8, 1.3, 1.3)]).T  # fmt: skip
# heights where jaw, hat and hair end at angles from the front to the nape; hair after its thickness, women's first
_TURNS = np.radians([0, 15, 30, 50, 65, 88, 115, 180])
_JAW, _HAT = [1.69, 1.62, 1.42, 1.1, 0.8, 0.6, 0.6, 0.75], [-0.8, -0.79, -0.76, -0.7, -0.62, -0.4, 0, 0.2]
_HAIR = [(0.2, [-1.1, -1.05, -0.92, -0.5, 1.2, 2.4, 2.6, 2.6]), (0.24, [-1.05, -1, -0.88, -0.45, 1.2, 1.6, 1.6, 1.6]),
    (0.22, [-0.5, -0.5, -0.5, -0.4, 0.4, 0.6, 0.9, 1]), (0.5, [-1, -0.98, -0.9, -0.6, 0.1, 0.3, 0.8, 0.9]),
    (0.2, [-1.2, -1.25, -1.15, -0.7, 0.1, -0.3, 0.75, 0.9]), (0, [-2.5] * 8)]  # fmt: skip
# iBUG 68 and the pupils, seen from the front: midline and the image's left half, and which are their mirror images
_LEFT = np.r_[:9, 17:22, 27:34, 36:42, 48:52, 57:63, 66:69]
_RIGHT = np.r_[16:7:-1, 26:21:-1, 27:31, 35:32:-1, 45:41:-1, 47:45:-1, 54:50:-1, 57:54:-1, 64:61:-1, 66:64:-1, 69]
_POINTS = [(-0.97, -0.28), (-0.96, 0), (-0.94, 0.28), (-0.91, 0.57), (-0.84, 0.86), (-0.73, 1.14), (-0.55, 1.4),
    (-0.29, 1.6), (0, 1.67), (-0.8, -0.23), (-0.71, -0.3), (-0.57, -0.33), (-0.42, -0.3), (-0.27, -0.25), (0, 0.02),
    (0, 0.24), (0, 0.46), (0, 0.66), (-0.25, 0.72), (-0.13, 0.78), (0, 0.8), (-0.68, 0), (-0.59, -0.085),
    (-0.43, -0.085), (-0.31, 0.03), (-0.42, 0.075), (-0.57, 0.08), (-0.4, 1.08), (-0.27, 1.02), (-0.1, 0.98),
    (0, 0.995), (0, 1.24), (-0.13, 1.23), (-0.27, 1.17), (-0.35, 1.08), (-0.16, 1.075), (0, 1.08), (0, 1.09),
    (-0.16, 1.085), (-0.5, 0)]  # fmt: skip
# hills on the head: how high, at which angle (both sides) and height, extents sideways, up and down: nose (bridge,
# tip, wings), mouth, eye sockets, eyes, brows, cheeks, chin, ears
_HILLS = np.array([(0.1, 0, 0.25, 0.13, 0.3, 0.4), (0.36, 0, 0.64, 0.14, 0.34, 0.13), (0.13, 0.14, 0.7, 0.07, 0.1, 0.1),
    (0.1, 0, 1.1, 0.28, 0.2, 0.2), (-0.14, 0.37, -0.02, 0.2, 0.17, 0.17), (0.1, 0.38, 0, 0.13, 0.11, 0.11),
    (0.06, 0.33, -0.3, 0.3, 0.1, 0.1), (0.07, 0.46, 0.42, 0.22, 0.25, 0.3), (0.1, 0, 1.52, 0.25, 0.14, 0.16),
    (0.24, 1.52, 0.12, 0.15, 0.36, 0.4)]).T[..., None]  # fmt: skip
# right halves of the outlines of the nose, of a full beard and of a goatee; bridge and bow of spectacles
_HALVES = ([(0, -0.06), (0.07, -0.06), (0.1, 0.13), (0.14, 0.43), (0.27, 0.6), (0.28, 0.71), (0.2, 0.8), (0, 0.84)],
    [(0, 0.87), (0.3, 0.92), (0.45, 0.98), (0.6, 0.86), (0.85, 0.5), (0.93, 0.1), (0.99, 0.1), (0.95, 0.8), (0, 2.1)],
    [(0, 0.88), (0.3, 0.93), (0.47, 1.1), (0.42, 1.45), (0.25, 1.68), (0, 1.73)])  # fmt: skip
_BARS = [(0, -0.02), (0.24, 0), (0.24, 0.06), (0, 0.04)], [(0.8, -0.02), (1.1, -0.06), (1.1, 0), (0.8, 0.04)]
_SKINS = np.array([[92, 58, 42], [128, 82, 56], [172, 118, 84], [212, 158, 120], [234, 188, 158], [246, 212, 192]])
_HAIRS = [[22, 18, 18], [40, 28, 22], [74, 48, 32], [120, 78, 46], [150, 70, 36], [188, 146, 88], [165, 165, 165]]
_IRISES = [[52, 32, 20], [84, 54, 30], [98, 96, 56], [82, 116, 140], [110, 130, 128]]


class DemoFace(NamedTuple):
    """One rendered face. As in FaceSynthetics, right is the viewer's in the labels, the person's in the landmarks.

    Attributes:
        image: (size, size, 3) uint8 RGB.
        labels: (size, size) uint8 ids of `faceshards.regions.CoarseRegion`.
        landmarks: (70, 2) float32 pixels x, y, of hidden points too: iBUG 68, right pupil, left pupil.
    """

    image: UInt8Array
    labels: UInt8Array
    landmarks: Float32Array


def _draw(key: NDArray[Any], name: str, low: float = 0, high: float = 1, shape: tuple[int, ...] = ()) -> Float64Array:
    """Uniform draws looked up by name, so that a new trait changes no other and order means nothing."""
    draws = uniforms(fold(key, sample_keys([name])[0]), int(np.prod(shape)))
    return np.asarray(low + (high - low) * draws.reshape(shape))


def _on_head(points: ArrayLike) -> Float64Array:
    """Positions (n, 2) seen from the front, to (n, 2) angle and height on the head."""
    x, y = np.asarray(points, float).T
    width, front = (np.interp(y, _HEAD[0], row) for row in _HEAD[1:3])
    inside = 1 - np.clip(np.abs(x) / width, 0, 0.985) ** _ROUND
    return np.stack([np.arctan2(x, front * inside ** (1 / _ROUND)), y], 1)


def _cells(angle: NDArray[Any], height: NDArray[Any]) -> list[Float32Array]:
    """Columns and rows of the relief, in 32nds of one."""
    places = ((angle - _CORNER[0]) * _CELLS[0], (height - _CORNER[1]) * _CELLS[1])
    return [(np.round(place * 32) / 32).astype(np.float32) for place in places]


def _expression(who: _Draws, now: _Draws) -> Float64Array:
    """Landmarks (70, 2) seen from the front."""
    points = np.zeros((70, 2))
    points[_RIGHT], points[_LEFT] = np.array(_POINTS) * (-1, 1), _POINTS
    x, y = points.T  # views: what follows bends the points in place
    y[17:27] += who("brow height", -0.06, 0.02) - now("brow raise", 0, 0.06)
    y[36:48] *= who("eye height", 0.9, 1.25) * now("eye open", 0.8, 1.1)
    x[31:36] *= who("nose width", 0.85, 1.2)
    x[68:] += now("gaze", -0.07, 0.07)
    gap, smile = np.maximum(0, now("mouth open", -0.2, 0.2)), now("smile", -0.5, 1)
    x[48:68] *= who("mouth width", 0.9, 1.12) * (1 + 0.12 * smile - 0.4 * gap)
    y[48:60] += (y[48:60] - 1.08) * who("lips", -0.25, 0.3)
    y[[48, 54, 60, 64]] += 0.3 * gap - 0.06 * smile
    y[[55, 56, 57, 58, 59, 65, 66, 67]] += gap
    return points


def _stretched(values: Float64Array) -> Float64Array:
    """Values over the whole relief, bilinear; OpenCV's resize weighs them in float32 where it is built with IPP."""
    for size in (_ROWS, _COLUMNS):
        at = np.clip((np.arange(size) + 0.5) * len(values) / size - 0.5, 0, len(values) - 1)
        low = np.minimum(at.astype(int), len(values) - 2)
        values = (values[low] + (at - low)[:, None] * (values[low + 1] - values[low])).T
    return values


def _paint(who: _Draws, now: _Draws, p: NDArray[Any], strands: NDArray[Any], hairline: list[float]) -> list[UInt8Array]:
    """The canvas, RGB colours and classes, from the lowest layer to the top; p: landmarks, left: of the image."""
    tone = int(who("skin", 0, len(_SKINS)))  # dark skin: seldom fair hair and eyes
    skin, lip = _SKINS[tone] * who("shade", 0.94, 1.03), _SKINS[tone] * (0.9, 0.7, 0.7)
    hair, iris = np.array(_HAIRS[int(who("hair colour", 0, tone + 2))]), np.array(_IRISES[int(who("iris", 0, tone))])
    label = np.full((_ROWS * _FINE, _COLUMNS * _FINE), Part.SKIN, np.uint8)
    canvas = np.full((*label.shape, 3), skin, np.uint8)

    def fill(outline: ArrayLike, colour: ArrayLike | None, part: int | None = None, end: float | None = None) -> None:
        """Paint inside an outline seen from the front, or between heights at all angles and the height of an end."""
        places = _on_head(outline) if end is None else np.stack([[*_ANGLE, 3, -3], [*np.ravel(outline), end, end]], 1)
        corners = np.round((places - _CORNER) * _CELLS * _FINE * 16).astype(np.int32)  # in sixteenths of a pixel
        for picture, value, kind in ((canvas, colour, cv2.LINE_AA), (label, part, cv2.LINE_8)):
            if value is not None:
                cv2.fillPoly(picture, [corners], np.asarray(value, float).tolist(), kind, 4)

    for spot in ((-0.6, 0.5), (0.6, 0.5), (0, 0.66)):
        fill(spot + _CIRCLE * (0.22, 0.18), skin * (0.98, 0.87, 0.87))
    canvas[200:400] = cv2.blur(canvas[200:400], (25, 25))
    fill(np.interp(_SIDE, _TURNS, _JAW) + 0.05, None, Part.NECK, end=6)
    nose, *beards = (np.array([*half, *((-x, y) for x, y in half[::-1])]) for half in _HALVES)
    if who("sex") > 0.5 and who("beard") < 0.5:
        fill(beards[int(who("beard", 0, 4))], 0.3 * skin + 0.7 * hair, Part.BEARD)
    fill(nose * (p[35, 0] / 0.25, 1), None, Part.NOSE)
    rim = np.concatenate([_CIRCLE, 0.84 * _CIRCLE]) * (now("lens width", 0.27, 0.33), now("lens height", 0.2, 0.27))
    thick = who("brow thickness", 0.05, 0.11) * np.array([[0, 0.35], [0, 0.8], [0, 1], [0, 1], [0, 0.85]])
    for side, left, eye, brow, pupil in ((-1, 1, p[36:42], p[17:22], p[68]), (1, 0, p[42:48], p[26:21:-1], p[69])):
        cv2.ellipse(label, (400 + 225 * side, 262), (40, 43), 0, 0, 360, Part.RIGHT_EAR + left, -1)
        fill((0.1 * side, 0.78) + _CIRCLE * (0.05, 0.025), skin * 0.4)
        fill([*(brow - 0.3 * thick), *(brow + 0.7 * thick)[::-1]], 0.35 * skin + 0.45 * hair, Part.RIGHT_BROW + left)
        fill(eye - (0, 0.025), skin * 0.2)
        fill(eye, (205, 197, 190), Part.RIGHT_EYE + left)
        around = canvas[200:300].copy()
        for radius, colour in ((0.098, iris * 0.45), (0.086, iris), (0.042, iris * 0.1)):
            fill(pupil + _CIRCLE * radius, colour)
        fill(pupil + (0.035, -0.035) + _CIRCLE * 0.02, (255, 255, 255))
        np.copyto(canvas[200:300], around, where=(label[200:300] != Part.RIGHT_EYE + left)[..., None])
        if who("wears glasses") < 0.3 and now("has glasses") < 0.7:
            for bar in (np.add(rim, (0.5, 0.05)), *_BARS):
                fill(np.multiply(bar, (side, 1)), now("frame", 0, 90, (3,)), Part.GLASSES)
    is_open = p[66, 1] - p[62, 1] > 0.04
    fill([*p[48:55], *p[64:59:-1]], lip * 0.9, Part.TOP_LIP)
    fill([*p[54:60], p[48], p[60], *p[67:63:-1]], lip * 1.05, Part.BOTTOM_LIP)
    fill(p[60:68], lip * 0.4, Part.MOUTH_INTERIOR if is_open else None)
    fill(p[60:65] * (0.8, 1) + (0, 0.02), (196, 188, 176) if is_open else None)  # teeth
    collar = now("neckline", 2.05, 2.3) + now("V", -0.2, 0.5) * np.maximum(0, 1 - _SIDE)
    for stripe in range(12 if now("striped") < 0.4 else 1):
        fill(collar + 0.18 * stripe, now(f"cloth {stripe % 2}", 40, 190, (3,)), Part.CLOTHING, end=6)
    fill(np.interp(_SIDE, _TURNS, hairline) + 0.15 * (strands[200] - 0.5), hair, Part.HAIR, end=-2.6)
    if now("hat") < 0.12:
        fill(np.interp(_SIDE, _TURNS, _HAT), now("hat colour", 40, 190, (3,)), Part.HEADWEAR, end=-2.6)
    return [canvas, label]


def _relief(who: _Draws, label: UInt8Array, strands: NDArray[Any], thickness: float) -> Float64Array:
    """Distance from the axis, outward normal, openness to the sky: (rows, columns, 5)."""
    parts = (label[::_FINE, ::_FINE] == part for part in (Part.HAIR, Part.HEADWEAR, Part.BEARD, Part.GLASSES))
    hair, hat, beard, frame = (cv2.GaussianBlur(part.astype(float), (0, 0), 1.5) for part in parts)
    y = np.where(_HEIGHT < -0.8, -0.8 + (_HEIGHT + 0.8) / (1 + thickness / 1.15), _HEIGHT)  # hair raises the crown
    rings = []
    for profile, at in ((_HEAD, y), (_BODY, _HEIGHT)):
        width, front, back = (np.interp(at, profile[0], row) ** -_ROUND for row in profile[1:])
        powers = np.abs(_SIN) ** _ROUND * width + np.abs(_COS) ** _ROUND * np.where(_COS > 0, front, back)
        rings.append(cv2.GaussianBlur(powers ** (-1 / _ROUND), (0, 0), 1, sigmaY=4))
    below_jaw = np.clip((_HEIGHT - np.interp(_SIDE, _TURNS, _JAW)) / 0.18, 0, 1)
    radius = rings[0] + cv2.blur(below_jaw, (5, 5)) * (rings[1] * who("neck", 0.9, 1.1) - rings[0])
    size, angle, height, sideways, up, down = _HILLS
    above = _HEIGHT.T - height
    along = size * np.exp(-((above / np.where(above < 0, up, down)) ** 2))
    along[:3] *= who("nose", 0.8, 1.15)
    radius += along.T @ np.exp(-(((_SIDE - angle) / sideways) ** 2))
    hair, hanging = np.clip(2 * hair - 1, 0, 1), ((_SIN / 1.05) ** 2 + (_COS / 1.45) ** 2) ** -0.5
    radius += np.clip(_HEIGHT / 0.4, 0, 1) * hair * (np.maximum(radius, hanging) - radius)
    radius += np.clip(5 * y + 9.75, 0, 1) * (thickness * hair * (0.75 + 0.5 * strands) + 0.12 * hat + 0.05 * frame)
    climb, turn = (slope * cells for slope, cells in zip(np.gradient(radius), _CELLS[::-1], strict=True))
    normal = np.array([radius * _SIN - turn * _COS, -radius * climb, radius * _COS + turn * _SIN])
    normal /= np.sqrt((normal * normal).sum(0)) + 1e-6
    openness = np.clip(1 - 2.2 * (cv2.GaussianBlur(radius, (0, 0), 8) - radius), 0.35, 1.15)
    openness *= 1 + 0.8 * np.maximum(hair, beard) * (strands - 0.5)
    surface = np.where(y > -1.95, radius, -1)  # nothing over the crown
    return np.stack([surface, *normal, openness], 2)


def render_face(seed: int, identity: int, view: int, size: int = 512) -> DemoFace:
    """Render one view of one person; a pure function of its arguments.

    Args:
        seed: of the whole set of people, 0 or more.
        identity: which person: shape, skin, hair, brows, beard.
        view: which picture of that person: pose, expression, light, clothes, backdrop, glasses, headwear.
        size: edge of the square picture in pixels.
    """
    root = sample_keys(["faceshards demo face"])[0]
    who, now = partial(_draw, fold(root, seed, identity)), partial(_draw, fold(root, seed, identity, view))
    points, style = _expression(who, now), int(who("hair", 0, 4) if who("sex") < 0.5 else who("hair", 2, 5.4))
    strands = _stretched(who("strands", shape=(80, 110) if style == 3 else (8, 200)))
    canvas, classes = _paint(who, now, points, strands, _HAIR[style][1])
    relief = _relief(who, classes, strands, _HAIR[style][0])
    yaw, radius = now("yaw", -1, 1), np.ascontiguousarray(relief[..., 0])
    turns = (0, 0, now("roll", -0.22, 0.22)), (now("pitch", -0.25, 0.22), 0, 0), (0, 1.05 * yaw * abs(yaw) ** 0.5, 0)
    pose = np.linalg.multi_dot([cv2.Rodrigues(np.array(turn, float))[0] for turn in turns])
    stretch = np.array([who("face width", 0.94, 1.07), who("face length", 0.94, 1.07), 1])
    unit, centre = size * now("scale", 0.131, 0.178), size * np.array([[now("x", 0.44, 0.57)], [now("y", 0.46, 0.53)]])
    places = np.stack(np.broadcast_arrays(radius * _SIN, _HEIGHT, radius * _COS)).reshape(3, -1)
    seen = (pose * stretch * unit) @ places
    pixels = seen[:2] + centre
    cells = np.clip(pixels[::-1, ::3] * 128 / size + 1, 0, 129).astype(int)  # with a margin for those out of sight
    near = np.full((130, 130), -9.0)  # rays start before the nearest place around, of some on the grid
    np.maximum.at(near, (cells[0], cells[1]), seen[2, ::3] / unit)
    start = cv2.resize(cv2.dilate(near, np.ones((3, 3)))[1:-1, 1:-1], (size, size), interpolation=cv2.INTER_NEAREST)
    at = np.flatnonzero(start > -9)
    at = np.resize(at, (-(-len(at) // 512), 512))  # a picture of them, the last row filled up, for OpenCV
    to_head, depth, hit = (pose / stretch).T, start.ravel()[at] + 0.1, np.zeros(at.shape, bool)
    starts = np.tensordot(to_head[:, :2], (np.stack([at % size, at // size]) - centre[..., None]) / unit, 1)
    for step in np.geomspace(0.5, 0.005, 14):  # towards the relief when outside, back when inside
        x, y, z = starts + to_head[:, 2, None, None] * depth
        column, row = _cells(np.arctan2(x, z), y)
        gap = np.sqrt(x * x + z * z) - cv2.remap(radius, column, row, cv2.INTER_LINEAR)
        hit |= gap < 0
        depth -= np.clip(0.7 * gap + step / 4, -step, step)
    at, part = at[hit], cv2.remap(classes, column * _FINE, row * _FINE, cv2.INTER_NEAREST)[hit]
    colour = cv2.remap(canvas, column * _FINE, row * _FINE, cv2.INTER_LINEAR)[hit]
    _, nx, ny, nz, openness = cv2.remap(relief, column, row, cv2.INTER_LINEAR)[hit].T[..., None]
    light = pose.T @ np.array([now("light x", -1.5, 1.5), now("light y", -1.2, -0.1), 1])
    lit = (nx * light[0] + ny * light[1] + nz * light[2]) / np.linalg.norm(light)
    wrap = np.array([0.4, 0.25, 0.2])  # light that travels through skin comes out red
    sun = np.clip((lit + wrap) / (1 + wrap), 0, 1) * (1 + now("warmth", -0.12, 0.18) * np.array([1, 0, -1]))
    shine = 0.06 * (part < Part.NECK)[:, None] * np.clip(lit, 0, 1) ** 24
    linear = (colour / 255) ** 2 * (sun + now("sky", 0.25, 0.45) * (1 - 0.3 * ny)) * 0.9 * openness + shine
    scene = now("blobs", 0.3, 1, (9, 9, 1)) * now("tints", 0.75, 1, (9, 9, 3)) * now("backdrop", 60, 220)
    labels, image = np.zeros((size, size), np.uint8), cv2.resize(scene, (size, size), interpolation=cv2.INTER_CUBIC)
    labels.flat[at], image.reshape(-1, 3)[at] = part, 255 * np.sqrt(np.clip(linear, 0, 1))
    grain = np.resize(now("grain", -4, 4, (9973,)), image.shape)
    image = cv2.add(cv2.GaussianBlur(image, (0, 0), 0.6), grain, dtype=cv2.CV_8U)
    column, row = _cells(*_on_head(points).T)
    landmarks = cv2.remap(cv2.merge([*pixels.reshape(2, _ROWS, _COLUMNS)]), column, row, cv2.INTER_LINEAR)
    return DemoFace(np.asarray(image, np.uint8), labels, np.asarray(landmarks, np.float32).reshape(70, 2))

"""Invented faces with exact labels: a renderer of numpy and OpenCV, no data behind it.

A person is a relief around a vertical axis: a grid over (height, angle) holds the radius, a finer one, the canvas,
holds colour and class, both filled from one outline. Each pixel's ray is followed to the relief, and what is seen is
read where it lands. Units, axes and measures are those of `demoanatomy`.
"""

import math
from functools import partial
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceshards.records import Float32Array, UInt8Array
from faceshards.regions import CoarseRegion as Part
from faceshards.rng import fold, sample_keys
from faceshards.source import demoanatomy as anatomy

_COLUMNS, _ROWS, _FINE = 400, 350, 2  # of the relief; the canvas is that many times finer
_CORNER, _CELLS = np.array([-2.7, -2.5], np.float32), np.array([400 / 5.4, 50], np.float32)  # of angle and height
_ANGLE = np.arange(_COLUMNS, dtype=np.float32) / _CELLS[0] + _CORNER[0]  # 0 at the nose, rising to the image's right
_HEIGHT = np.arange(_ROWS, dtype=np.float32)[:, None] / _CELLS[1] + _CORNER[1]
_SIDE, _SIN, _COS = np.abs(_ANGLE), np.sin(_ANGLE), np.cos(_ANGLE)
_CIRCLE = np.array([(math.cos(t), math.sin(t)) for t in np.linspace(0, 2 * np.pi, 25)])


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


def _ramp(x: NDArray[Any], low: float, high: float) -> NDArray[Any]:
    """The smooth step from 0 at `low` to 1 at `high`."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _spline(points: ArrayLike) -> NDArray[Any]:
    """A closed Catmull-Rom spline through points (n, 2), six steps an edge."""
    a, b, c, d = (np.roll(np.asarray(points), shift, 0) for shift in (1, 0, -1, -2))
    t = np.linspace(0, 1, 6, endpoint=False)[:, None, None]
    curve: NDArray[Any] = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return curve.transpose(1, 0, 2).reshape(-1, 2)


def _radius(profile: NDArray[Any], height: NDArray[Any]) -> NDArray[Any]:
    """Radius (rows, columns) of a profile at heights (rows, 1)."""
    width, front, back = (
        np.interp(height, profile[0], row).astype(np.float32) ** -anatomy.ROUND for row in profile[1:]
    )
    powers = np.abs(_SIN) ** anatomy.ROUND * width + np.abs(_COS) ** anatomy.ROUND * np.where(_COS > 0, front, back)
    return np.asarray(cv2.GaussianBlur(powers ** (-1 / anatomy.ROUND), (0, 0), 1, sigmaY=3), np.float32)


def _paint(
    who: anatomy.Draws, now: anatomy.Draws, p: NDArray[Any], strands: NDArray[Any], hairline: list[float]
) -> list[UInt8Array]:
    """The canvas, RGB colours and classes, from what lies below to what lies on top; p: landmarks."""
    skin, tone = anatomy.between(anatomy.SKINS, who("skin")), who("skin") ** 0.5
    hair = anatomy.between(anatomy.HAIRS, who("hair colour") * (0.3 + 0.7 * tone))  # dark skin: seldom fair hair
    iris, lip = anatomy.between(anatomy.IRISES, who("iris") * (0.2 + 0.8 * tone)), skin * (0.9, 0.7, 0.7)
    label = np.full((_ROWS * _FINE, _COLUMNS * _FINE), Part.SKIN, np.uint8)
    canvas = np.full((*label.shape, 3), skin, np.uint8)

    def fill(outline: ArrayLike, colour: ArrayLike | None, part: int | None = None, flat: bool = True) -> None:
        """Paint what an outline encloses: positions seen from the front or, if not flat, angles and heights."""
        corners = (
            ((anatomy.on_head(outline) if flat else np.asarray(outline)) - _CORNER) * _CELLS * _FINE * 16
        )  # sixteenths
        for picture, value, kind in ((canvas, colour, cv2.LINE_AA), (label, part, cv2.LINE_8)):
            if value is not None:
                cv2.fillPoly(picture, [corners.round().astype(np.int32)], np.asarray(value, float).tolist(), kind, 4)

    def band(edge: ArrayLike, end: float, colour: ArrayLike | None, part: int) -> None:
        """Paint what lies between an edge, heights at all angles, and one height."""
        fill(np.transpose([[*_ANGLE, 3, -3], [*np.asarray(edge), end, end]]), colour, part, flat=False)

    for spot in ((-0.6, 0.5), (0.6, 0.5), (0, 0.66)):
        fill(spot + _CIRCLE * (0.22, 0.18), skin * (0.98, 0.87, 0.87))
    canvas[200:400] = cv2.blur(canvas[200:400], (25, 25))
    band(np.interp(_SIDE, anatomy.TURNS, anatomy.JAW) + 0.05, 4.6, None, Part.NECK)
    nose, *beards = (_spline([*half, *((-x, y) for x, y in half[::-1])]) for half in anatomy.HALVES)
    if who("sex") > 0.5 and who("beard") < 0.5:
        fill(beards[int(who("beard", 0, 4))], 0.3 * skin + 0.7 * hair, Part.BEARD)
    fill(nose * (p[35, 0] / 0.25, 1), None, Part.NOSE)
    frame = now("frame", 0, 90, (3,))
    rim = np.concatenate([_CIRCLE, 0.84 * _CIRCLE]) * (now("lens width", 0.27, 0.33), now("lens height", 0.2, 0.27))
    thick = who("brow thickness", 0.05, 0.11) * np.array([0.35, 0.8, 1, 1, 0.85])[:, None] * (0, 1)
    other_eye = p[[45, 44, 43, 42, 47, 46]]
    for side, eye, brow, pupil in ((-1, p[36:42], p[17:22], p[68]), (1, other_eye, p[26:21:-1], p[69])):
        left, lids = side < 0, _spline(eye)  # left of the image, which FaceSynthetics calls left
        fill((1.52 * side, 0.12) + _CIRCLE * (0.27, 0.43), None, Part.RIGHT_EAR + left, flat=False)
        fill((0.1 * side, 0.78) + _CIRCLE * (0.05, 0.025), skin * 0.4)
        edges = _spline([*(brow - 0.3 * thick), *(brow + 0.7 * thick)[::-1]])
        fill(edges, 0.35 * skin + 0.45 * hair, Part.RIGHT_BROW + left)
        fill(lids - (0, 0.07), skin * 0.8)
        fill(lids - (0, 0.025), skin * 0.2)
        fill(lids, (205, 197, 190), Part.RIGHT_EYE + left)
        around = canvas[200:300].copy()
        for radius, colour in ((0.098, iris * 0.45), (0.086, iris), (0.042, iris * 0.1)):
            fill(pupil + _CIRCLE * radius, colour)
        fill(pupil + (0.035, -0.035) + _CIRCLE * 0.02, (255, 255, 255))
        np.copyto(canvas[200:300], around, where=(label[200:300] != Part.RIGHT_EYE + left)[..., None])
        if who("wears glasses") < 0.3 and now("has glasses") < 0.7:
            fill(np.add(rim, (0.5 * side, 0.05)), frame, Part.GLASSES)
            fill([(0.62 * side, -0.04), (1.6 * side, -0.08), (1.6 * side, -0.02)], frame, Part.GLASSES, flat=False)
            fill([(0, -0.02), (0.24 * side, 0), (0.24 * side, 0.06), (0, 0.04)], frame, Part.GLASSES)
    mouth, is_open = _spline(p[60:68]), p[66, 1] - p[62, 1] > 0.04
    fill(_spline([*p[48:55], *p[64:59:-1]]), lip * 0.9, Part.TOP_LIP)
    fill(_spline([*p[54:60], p[48], p[60], *p[67:63:-1]]), lip * 1.05, Part.BOTTOM_LIP)
    fill(mouth, lip * 0.4, Part.MOUTH_INTERIOR if is_open else None)
    if is_open:
        fill(np.minimum(mouth * (0.9, 1), (9, 0.7 * p[62, 1] + 0.3 * p[66, 1])), (196, 188, 176))  # teeth
    collar = now("neckline", 2.05, 2.3) + now("V", -0.2, 0.5) * np.maximum(0, 1 - _SIDE)
    cloth = now("cloth", 60, 210) * now("warp and weft", 0.4, 1, (2, 3))
    for stripe in range(12 if now("striped") < 0.4 else 1):
        band(collar + 0.18 * stripe, 4.6, cloth[stripe % 2], Part.CLOTHING)
    band(np.interp(_SIDE, anatomy.TURNS, hairline) + 0.15 * (strands[200] - 0.5), -2.6, hair, Part.HAIR)
    if now("hat") < 0.12:
        band(np.interp(_SIDE, anatomy.TURNS, anatomy.HAT), -2.6, now("hat colour", 40, 190, (3,)), Part.HEADWEAR)
    return [canvas, label]


def _relief(who: anatomy.Draws, label: UInt8Array, strands: NDArray[Any], thickness: float) -> NDArray[Any]:
    """Distance from the axis, outward normal, openness to the sky, strands of hair: (rows, columns, 6)."""
    masks = [(label[::_FINE, ::_FINE] == part).astype(np.float32) for part in Part]
    hair, hat, beard, frame = (
        cv2.GaussianBlur(masks[i], (0, 0), 1.5) for i in (Part.HAIR, Part.HEADWEAR, Part.BEARD, Part.GLASSES)
    )
    y = np.where(_HEIGHT < -0.8, -0.8 + (_HEIGHT + 0.8) / (1 + thickness / 1.15), _HEIGHT)  # hair raises the crown
    below = (_HEIGHT - np.interp(_SIDE, anatomy.TURNS, anatomy.JAW)).astype(np.float32)
    radius, body = _radius(anatomy.HEAD, y), _radius(anatomy.BODY, _HEIGHT)
    radius += _ramp(below, -0.02, 0.22) * (body * who("neck", 0.9, 1.1) - radius)
    size, angle, height, sideways, up, down = anatomy.HILLS.T.astype(np.float32)[..., None]
    size[:3] *= who("nose", 0.8, 1.15)
    sideways[:3] *= who("nose width", 0.85, 1.2)
    above = _HEIGHT.T - height
    along = size * np.exp(-((above / np.where(above < 0, up, down)) ** 2))
    radius += along.T @ np.exp(-(((_SIDE - angle) / sideways) ** 2))
    hair, hanging = _ramp(hair, 0.4, 1), ((_SIN / 1.05) ** 2 + (_COS / 1.45) ** 2) ** -0.5
    radius += _ramp(_HEIGHT, 0, 0.4) * hair * (np.maximum(radius, hanging) - radius)
    radius += _ramp(y, -1.95, -1.75) * (thickness * hair * (0.75 + 0.5 * strands) + 0.12 * hat) + 0.05 * (beard + frame)
    radius = np.where(y > -1.95, radius, np.float32(-1))  # nothing over the crown
    soft = cv2.GaussianBlur(radius, (0, 0), 0.8)
    climb, turn = (slope * cells for slope, cells in zip(np.gradient(soft), _CELLS[::-1], strict=True))
    normal = np.dstack([soft * _SIN - turn * _COS, -soft * climb, soft * _COS + turn * _SIN])
    normal /= np.linalg.norm(normal, axis=2, keepdims=True) + 1e-6
    openness = np.clip(1 - 2.2 * (cv2.GaussianBlur(radius, (0, 0), 8) - radius), 0.35, 1.15)
    openness *= 1 - 0.35 * _ramp(below, -0.02, 0.1) * (1 - _ramp(below, 0.3, 1.2)) * (1 - hair)  # under the chin
    return np.dstack([radius, normal, openness, strands]).astype(np.float32)


def render_face(seed: int, identity: int, view: int, size: int = 512) -> DemoFace:
    """Render one view of one person; a pure function of its arguments.

    Args:
        seed: of the whole set of people, 0 or more.
        identity: which person: shape, skin, hair, brows, beard.
        view: which picture of that person: pose, expression, light, clothes, backdrop, glasses, headwear.
        size: edge of the square picture in pixels.
    """
    keys = (
        fold(sample_keys(["faceshards demo face"])[0], *place) for place in ((seed, identity), (seed, identity, view))
    )
    who, now = (partial(anatomy.draw, key) for key in keys)
    points, style = anatomy.expression(who, now), int(who("hair", 0, 4) if who("sex") < 0.5 else who("hair", 2, 7))
    strands = cv2.resize(who("strands", shape=(80, 110) if style == 3 else (8, 200)), (_COLUMNS, _ROWS))
    canvas, classes = _paint(who, now, points, strands, anatomy.HAIR[style][1])
    relief = _relief(who, classes, strands, anatomy.HAIR[style][0])
    radius = np.ascontiguousarray(relief[..., 0])
    yaw = now("yaw", -1, 1)
    turns = (0, 0, now("roll", -0.22, 0.22)), (now("pitch", -0.25, 0.22), 0, 0), (0, 1.05 * yaw * abs(yaw) ** 0.5, 0)
    pose = np.linalg.multi_dot([cv2.Rodrigues(np.array(turn, float))[0] for turn in turns])
    stretch = np.array([who("face width", 0.94, 1.07), who("face length", 0.94, 1.07), 1])
    unit, centre = size * now("scale", 0.128, 0.172), size * np.array([[now("x", 0.44, 0.57)], [now("y", 0.46, 0.53)]])

    def project(out: NDArray[Any], angle: NDArray[Any], height: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Pixels (2, n) and depths (n,) of places on the relief (n,)."""
        seen = pose * stretch @ (out * np.sin(angle), height, out * np.cos(angle))
        return centre + unit * seen[:2], seen[2]

    # where and how near the relief is, roughly: a ray starts before what may be nearest
    rows, columns = np.nonzero(radius > 0)
    pixels, depths = project(radius[rows, columns], _ANGLE[columns], _HEIGHT[rows, 0])
    cells = (pixels[::-1] * 128 / size).astype(int)
    inside = ((cells >= 0) & (cells < 128)).all(0)
    near: NDArray[Any] = np.full((128, 128), -9, np.float32)
    np.maximum.at(near, tuple(cells[:, inside]), depths[inside])
    near = cv2.resize(cv2.dilate(near, np.ones((3, 3))), (size, size), interpolation=cv2.INTER_NEAREST).ravel()
    at = np.flatnonzero(near > -9)
    at = np.resize(at, (-(-len(at) // 512), 512))  # a picture of them, the last row filled up, for OpenCV
    u, v = ((np.stack([at % size, at // size]) - centre[..., None]) / unit).astype(np.float32)
    to_head = (pose / stretch).T.astype(np.float32)
    starts, depth, hit = (
        [row[0] * u + row[1] * v for row in to_head],
        near[at] + np.float32(0.1),
        np.zeros(at.shape, bool),
    )
    for step in np.geomspace(0.3, 0.01, 14, dtype=np.float32):  # towards the relief when outside, back when inside
        x, y, z = (start + ray * depth for start, ray in zip(starts, to_head[:, 2], strict=True))
        distance, angle = cv2.cartToPolar(-z, -x)  # from the back
        column, row = (angle - np.float32(np.pi + _CORNER[0])) * _CELLS[0], (y - _CORNER[1]) * _CELLS[1]
        gap = distance - cv2.remap(radius, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        hit |= gap < 0.01
        depth -= np.clip(0.7 * gap, -step, step)
    part, colour, seen = (
        cv2.remap(field, column * scale, row * scale, how, borderMode=cv2.BORDER_REPLICATE)[hit]
        for field, scale, how in (
            (classes, _FINE, cv2.INTER_NEAREST),
            (canvas, _FINE, cv2.INTER_LINEAR),
            (relief, 1, cv2.INTER_LINEAR),
        )
    )
    light = np.array([now("light x", -1.5, 1.5), now("light y", -1.2, -0.1), 1])
    frame = np.stack([light / np.linalg.norm(light) @ pose, pose[1]], 1).astype(np.float32)
    lit, down = np.split(seen[:, 1:4] @ frame, 2, 1)
    wrap = np.array([0.4, 0.25, 0.2], np.float32)  # light that travels through skin comes out red
    key = np.clip((lit + wrap) / (1 + wrap), 0, 1) * (1 + now("warmth", -0.12, 0.18) * np.array([1, 0, -1], np.float32))
    rough = np.isin(part, (Part.HAIR, Part.BEARD))[:, None]
    linear = (colour / np.float32(255)) ** 2 * (key + now("ambient", 0.32, 0.55) * (0.8 - 0.25 * down))
    linear *= seen[:, 4:5] * (0.9 + 0.8 * rough * (seen[:, 5:] - 0.5))
    linear += 0.06 * (part < Part.NECK)[:, None] * np.clip(lit, 0, 1) ** 24
    blobs = (now(f"blobs {n}", 0.4, 1, (n, n, 1)) * now(f"tint {n}", 0.8, 1, (n, n, 3)) for n in (3, 12))
    image: Any = sum(cv2.resize(b, (size, size), interpolation=cv2.INTER_CUBIC) for b in blobs)
    image *= now("backdrop", 60, 190) / 2
    labels = np.zeros((size, size), np.uint8)
    labels.flat[at[hit]], image.reshape(-1, 3)[at[hit]] = part, 255 * np.sqrt(np.clip(linear, 0, 1))
    image = cv2.GaussianBlur(image, (0, 0), 0.6) + np.resize(now("grain", -4, 4, (9973,)), (size, size, 1))
    places = anatomy.on_head(points)
    column, row = ((places - _CORNER) * _CELLS).T
    landmarks, _ = project(cv2.remap(radius, column, row, cv2.INTER_LINEAR).ravel(), *places.T)
    return DemoFace(np.clip(image + 0.5, 0, 255).astype(np.uint8), labels, landmarks.T.astype(np.float32))

"""Test faces with something over them: one region erased, or an occluder drawn, which no arm was trained with.

Erased regions become the face's mean colour, which is neither the noise of the erasing arms nor the grey of `part`;
their shapes, hair apart, are those that all arms but "none" and "rectangle" were trained with.
Occluders are drawn where the alignment puts eyes, nose and mouth, with sizes, places and colours drawn for each face.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from examples.recognition.verification.protocol import IntArray
from faceshards.records import UInt8Array
from faceshards.transforms import erase_regions

Draw: TypeAlias = Callable[[UInt8Array, np.random.Generator], None]
Point: TypeAlias = NDArray[np.float64] | tuple[float, float]
Colour: TypeAlias = tuple[int, int, int]

REGIONS: Final = {
    "eyes": ["right_eye", "left_eye"],
    "brows": ["right_brow", "left_brow"],
    "around the eyes": ["around_right_eye", "around_left_eye"],
    "nose": ["nose"],
    "mouth": ["mouth", "upper_lip", "lower_lip"],
    "cheeks": ["right_cheek", "left_cheek"],
    "chin": ["right_chin", "left_chin"],
    "forehead": ["right_forehead", "middle_forehead", "left_forehead"],
    "ears": ["right_ear", "left_ear"],
    "hair": ["hair"],
}
"""Regions that are erased together, both sides at once."""

_EYES = ((38.3, 51.7), (73.5, 51.5))  # ArcFace's template, right and left eye, nose, mouth corners
_NOSE = (56.0, 71.7)
_MOUTH = ((41.5, 92.4), (70.7, 92.2))
_SUBPIXEL = 3  # bits of cv2's fixed-point coordinates


def hide(images: UInt8Array, regions: UInt8Array, samples: IntArray, what: str) -> UInt8Array:
    """Faces with one thing hidden; the same face always in the same way.

    Args:
        images: (B, 112, 112, 3) uint8 RGB, aligned.
        regions: (B, 112, 112) uint8.
        samples: (B,) which of the store, on which the draws depend.
        what: a key of `REGIONS` or `OCCLUDERS`.

    Returns:
        (B, 112, 112, 3) uint8.
    """
    if what in REGIONS:
        faces = torch.from_numpy(images).movedim(-1, 1)
        erased = erase_regions(faces, torch.from_numpy(regions), REGIONS[what], fill="mean")
        out: UInt8Array = erased.movedim(1, -1).numpy()
        return out
    drawn = np.ascontiguousarray(images).copy()
    kind = list(OCCLUDERS).index(what)
    for face, sample in zip(drawn, samples.tolist(), strict=True):
        OCCLUDERS[what](face, np.random.default_rng([sample, kind]))
    return drawn


def _sunglasses(face: UInt8Array, rng: np.random.Generator) -> None:
    """Two dark lenses, a bridge and temples."""
    colour = _shade(rng, (10, 10, 10), 25)
    shift, width, height = rng.normal(0, 1.0, 2), rng.uniform(14, 18), rng.uniform(9, 13)
    places = [np.add(eye, shift + np.array([0, 2])) for eye in _EYES]
    for place in places:
        cv2.ellipse(face, _fixed(place), _fixed((width, height)), 0, 0, 360, colour, -1, cv2.LINE_AA, _SUBPIXEL)
    thick = int(rng.integers(2, 4))
    _line(face, places[0], places[1], colour, thick)
    for place, end in zip(places, (-2, 114), strict=True):
        _line(face, place, (end, place[1] - 3), colour, thick)


def _mask(face: UInt8Array, rng: np.random.Generator) -> None:
    """A surgical mask from the bridge of the nose to below the chin, with folds and straps."""
    colour = _shade(rng, [(150, 190, 215), (235, 235, 235), (30, 30, 35)][rng.integers(3)], 15)
    red, green, blue = colour
    dark = int(0.85 * red), int(0.85 * green), int(0.85 * blue)
    top, half = rng.uniform(60, 68), rng.uniform(34, 40)
    middle = _NOSE[0] + rng.normal(0, 1.5)
    outline = [(-half, 6), (-12, 1), (0, -2), (12, 1), (half, 6), (half - 4, 34), (16, 52), (-16, 52), (-half + 4, 34)]
    points = np.array([_fixed((middle + x, top + y)) for x, y in outline], np.int32)
    cv2.fillPoly(face, [points], colour, cv2.LINE_AA, _SUBPIXEL)
    for y in (14, 24, 34):
        _line(face, (middle - half + 6, top + y), (middle + half - 6, top + y), dark, 1)
    for side in (-1, 1):
        _line(face, (middle + side * half, top + 8), (middle + side * 60, top - 6), colour, 2)


def _hand(face: UInt8Array, rng: np.random.Generator) -> None:
    """Four fingers and a palm from one side over cheek, mouth and chin, in a colour of the face's own middle."""
    base = face[60:80, 40:72].reshape(-1, 3).mean(0)
    side = 1 if rng.random() < 0.5 else -1
    root = np.array([56 + side * rng.uniform(30, 38), rng.uniform(98, 106)])
    for finger in range(4):
        tip = np.array([56 + side * rng.uniform(-14, 4), 70 + 11 * finger + rng.normal(0, 2)])
        start = root + np.array([0, (finger - 1.5) * 9])
        colour = _shade(rng, base * rng.uniform(0.85, 1.0), 6)
        _line(face, start, tip, colour, int(rng.integers(9, 12)))
    radius = int(rng.uniform(18, 22) * 2**_SUBPIXEL)
    cv2.circle(face, _fixed(root), radius, _shade(rng, base * 0.9, 4), -1, cv2.LINE_AA, _SUBPIXEL)


def _strands(face: UInt8Array, rng: np.random.Generator) -> None:
    """Hair that falls from the top over the forehead, one eye and a cheek."""
    base = np.array([(25, 20, 18), (70, 45, 25), (150, 115, 70), (110, 105, 100)][rng.integers(4)], float)
    side = 1 if rng.random() < 0.5 else -1
    for _ in range(70):
        start = np.array([56 + side * rng.uniform(-6, 50), -4.0])
        middle = np.array([56 + side * rng.uniform(6, 44), rng.uniform(30, 45)])
        end = np.array([56 + side * rng.uniform(18, 48), rng.uniform(62, 90)])
        t = np.linspace(0, 1, 12)[:, None]
        curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end
        points = np.array([_fixed(point) for point in curve], np.int32)
        cv2.polylines(face, [points], False, _shade(rng, base, 14), int(rng.integers(2, 4)), cv2.LINE_AA, _SUBPIXEL)


OCCLUDERS: Final[dict[str, Draw]] = {"sunglasses": _sunglasses, "mask": _mask, "hand": _hand, "hair strands": _strands}

HIDDEN: Final = (*REGIONS, *OCCLUDERS)


def _line(face: UInt8Array, start: Point, end: Point, colour: Colour, thick: int) -> None:
    cv2.line(face, _fixed(start), _fixed(end), colour, thick, cv2.LINE_AA, _SUBPIXEL)


def _fixed(point: Point) -> tuple[int, int]:
    x, y = (round(float(value) * 2**_SUBPIXEL) for value in point)
    return x, y


def _shade(rng: np.random.Generator, colour: NDArray[np.float64] | Colour, spread: float) -> Colour:
    red, green, blue = (
        np.clip(np.asarray(colour) + rng.normal(0, spread) + rng.normal(0, spread / 4, 3), 0, 255).astype(int).tolist()
    )
    return red, green, blue

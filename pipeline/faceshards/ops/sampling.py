"""Pixels of an image at the places that an affine map gives, in whole numbers: the same on every processor.

OpenCV's own `warpAffine` finds the places in float32, and other processors find others.
"""

from typing import Literal

import cv2
import numpy as np

from faceshards.records import Float64Array, UInt8Array

_BITS = 5  # of the part of a pixel in OpenCV's fixed-point maps


def places(to_image: Float64Array, size: int) -> tuple[Float64Array, Float64Array]:
    """Columns and rows of an image, each (size, size) float64, that the pixels of a square show.

    Args:
        to_image: (2, 3) float64, a pixel (x, y, 1) of the square to one of the image.
        size: edge of the square in pixels.
    """
    at = np.arange(size)
    x, y = (row[0] * at + (row[1] * at + row[2])[:, None] for row in to_image)
    return x, y


def sampled(
    image: UInt8Array,
    to_image: Float64Array,
    size: int,
    by: Literal["bilinear", "nearest"] = "bilinear",
    border: int = cv2.BORDER_CONSTANT,
    outside: int = 0,
) -> UInt8Array:
    """The pixels of an image that a square shows.

    Args:
        image: (H, W) or (H, W, C) uint8.
        to_image: as `places`.
        size: edge of the result in pixels.
        by: ``"bilinear"`` takes places in 32nds of a pixel, as MediaPipe does (sampled more finely, the points of the
            face mesh differ from its own by up to a pixel), ``"nearest"`` in whole pixels.
        border: OpenCV's name of what lies outside of the image.
        outside: its value, of ``cv2.BORDER_CONSTANT``.

    Returns:
        (size, size) or (size, size, C) uint8.

    Example:
        >>> sampled(np.array([[0, 8], [16, 24]], np.uint8), np.array([[1, 0, 0.5], [0, 1, 0]]), 2)
        array([[ 4,  4],
               [20, 12]], dtype=uint8)
    """
    steps = 1 if by == "nearest" else 2**_BITS
    whole = np.empty((size, size, 2), np.int16)
    parts, near = [], []
    for axis, place in enumerate(places(to_image * steps, size)):
        edge = image.shape[1 - axis]
        np.rint(place, out=place)
        np.clip(place, -2 * steps, (edge + 1) * steps, out=place)  # further outside there is nothing but border
        step = place.astype(np.int32)
        if steps > 1:
            parts.append(step & (steps - 1))
            step >>= _BITS
        low = min(max(int(step.min()) - 2, 0), edge - 1)
        near.append(slice(low, int(step.max()) + 3))
        whole[..., axis] = step - low
    shown = cv2.remap(
        image[near[1], near[0]],  # OpenCV takes no image of more than 32,767 rows or columns
        whole,
        (parts[1] << _BITS | parts[0]).astype(np.uint16) if parts else np.empty(0, np.uint16),
        cv2.INTER_LINEAR if parts else cv2.INTER_NEAREST,
        borderMode=border,
        borderValue=(outside,) * 4,
    )
    return np.asarray(shown, np.uint8)

"""Measures of a picture by itself: how sharp, bright, rich in contrast and colourful it is."""

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from faceshards.records import UInt8Array


class Quality(NamedTuple):
    """Measures of n pictures, (n,) float32 each.

    Attributes:
        sharpness: variance of the Laplacian; 0 for a flat picture, low for a blurred one, 1,040,400 at most.
        brightness: mean luma, 0 to 255.
        contrast: standard deviation of the luma, 0 to 127.5.
        colour: mean difference of the largest and the least of a pixel's channels, 0 to 255; 0 for a grey picture.
    """

    sharpness: NDArray[np.float32]
    brightness: NDArray[np.float32]
    contrast: NDArray[np.float32]
    colour: NDArray[np.float32]


def luma(images: UInt8Array) -> UInt8Array:
    """(n, H, W, 3) uint8 RGB to (n, H, W) uint8, by the weights of ITU-R BT.601.

    Example:
        >>> luma(np.full((1, 2, 2, 3), 9, np.uint8))[0, 0, 0]
        9
    """
    out = np.empty(images.shape[:3], np.uint8)
    for image, grey in zip(images, out, strict=True):
        grey[:] = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return out


def sharpness(grey: UInt8Array) -> float:
    """Variance of the Laplacian of a picture, over the pixels that have four neighbours.

    Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy (ICPR 2000).

    Args:
        grey: (H, W) uint8, of at least 3x3 pixels.

    Example:
        >>> sharpness(np.full((3, 3), 7, np.uint8))
        0.0
    """
    return _mean_and_deviation(cv2.Laplacian(grey, cv2.CV_16S, ksize=1)[1:-1, 1:-1])[1] ** 2


def quality(images: UInt8Array, grey: UInt8Array | None = None) -> Quality:
    """Measure n pictures.

    Args:
        images: (n, H, W, 3) uint8 RGB, of at least 3x3 pixels.
        grey: (n, H, W) uint8, their `luma` where it is known; None to take it.

    Example:
        >>> quality(faces).brightness  # of (2, 112, 112, 3)
        array([118.2,  97.5], dtype=float32)
    """
    out = np.empty((len(Quality._fields), len(images)), np.float32)
    for number, (image, light) in enumerate(zip(images, luma(images) if grey is None else grey, strict=True)):
        red, green, blue = cv2.split(image)
        chroma = cv2.max(cv2.max(red, green), blue) - cv2.min(cv2.min(red, green), blue)
        out[:, number] = (sharpness(light), *_mean_and_deviation(light), _mean_and_deviation(chroma)[0])
    return Quality(*out)


def _mean_and_deviation(values: NDArray[Any]) -> tuple[float, float]:
    mean, deviation = cv2.meanStdDev(values)
    return float(mean[0, 0]), float(deviation[0, 0])

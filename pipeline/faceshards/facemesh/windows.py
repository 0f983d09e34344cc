"""Square windows of a picture, at any place, size and turn, as the networks take them."""

from dataclasses import dataclass

import cv2
import numpy as np

from faceshards.ops.sampling import sampled
from faceshards.records import Float32Array, Float64Array, UInt8Array

_SHRINK_LIMIT = 4.0
"""The most image pixels that a pixel of a window steps over; beyond, the image is averaged down first.

MediaPipe never averages. Up to this step a window has the pixels that MediaPipe would take."""


@dataclass(frozen=True, slots=True)
class Window:
    """A square of a picture.

    Attributes:
        x, y: its centre, pixels of the picture.
        edge: its size, pixels of the picture.
        angle: radians; how far its x axis is turned clockwise from the picture's.
    """

    x: float
    y: float
    edge: float
    angle: float = 0.0

    def to_image(self, size: int) -> Float64Array:
        """(2, 3): a pixel of the window, drawn at `size` pixels, to a pixel of the picture."""
        step = self.edge / size
        cosine, sine = np.cos(self.angle) * step, np.sin(self.angle) * step
        turn = np.array([[cosine, -sine], [sine, cosine]])
        return np.column_stack([turn, np.array([self.x, self.y]) - turn @ np.full(2, size / 2)])


class Picture:
    """An image, and smaller copies of it that are made when they are first needed.

    Args:
        image: (H, W, 3) uint8 RGB.
    """

    def __init__(self, image: UInt8Array) -> None:
        self.height, self.width = image.shape[:2]
        self._levels = {0: image}

    def pixels(self, window: Window, size: int, border: int) -> Float32Array:
        """The pixels of a window.

        Args:
            window: what to show.
            size: edge of the result.
            border: OpenCV's name of what lies outside of the image.

        Returns:
            (size, size, 3) float32, 0 to 255.
        """
        step = window.edge / size
        image = self._level(max(0, int(np.ceil(np.log2(step / _SHRINK_LIMIT)))) if step > 0 else 0)
        matrix = window.to_image(size)
        scale = np.array([image.shape[1] / self.width, image.shape[0] / self.height])
        matrix = matrix * scale[:, None]
        matrix[:, 2] += (scale - 1) / 2
        return sampled(image, matrix, size, border=border).astype(np.float32)

    def _level(self, halvings: int) -> UInt8Array:
        if halvings not in self._levels:
            size = tuple(max(1, round(edge / 2**halvings)) for edge in (self.width, self.height))
            self._levels[halvings] = np.asarray(
                cv2.resize(self._levels[0], size, interpolation=cv2.INTER_AREA), np.uint8
            )
        return self._levels[halvings]

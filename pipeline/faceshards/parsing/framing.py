"""Where an aligned face lies in the picture that a network takes."""

import math
from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, interpolate

from faceshards.ops.align import TEMPLATE
from faceshards.parsing.unet import SIZE

_Points: TypeAlias = NDArray[np.float64]
_FACE = (SIZE, SIZE)
_STEEPEST = 1e-3
"""How near the tanh is followed to its limits, where its inverse grows without end."""


class Framing(Protocol):
    """Resizes faces for a network, and its outputs back; both average where they shrink."""

    def to_network(self, faces: Tensor) -> Tensor:
        """(B, C, 112, 112) float32 faces -> (B, C, height, width), as the network takes them."""
        ...

    def to_face(self, outputs: Tensor) -> Tensor:
        """(B, C, h, w) float32 outputs, of whatever resolution -> (B, C, 112, 112)."""
        ...


class Filling:
    """The aligned face fills the network's input.

    Args:
        size: (height, width) of the input.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size

    def to_network(self, faces: Tensor) -> Tensor:
        """See `Framing.to_network`."""
        return _resized(faces, self._size)

    def to_face(self, outputs: Tensor) -> Tensor:
        """See `Framing.to_face`."""
        return _resized(outputs, _FACE)


class Framed:
    """The face lies in the input as the network learnt it: by five points, and squeezed towards the edges by a tanh.

    The squeeze is RoI tanh-warping's: with coordinates from -1 to 1 and a warp of w, what lies within 1 - w of the
    centre stays where it is, and x beyond goes to ``1 - w + w tanh((x - 1 + w) / w)``. What lies around the aligned
    face is black.

    Args:
        size: (height, width) of the input.
        points: (5, 2) where the network expects the points of `align.TEMPLATE`, in pixels of its input, 0 at its left
            and upper edge.
        tanh_warp: w, 0 for none, else from 0.01 to 1.
        device: of faces and outputs.
    """

    def __init__(self, size: tuple[int, int], points: _Points, tanh_warp: float, device: torch.device) -> None:
        self._extent = np.array(size[::-1], np.float64)
        self._warp = tanh_warp
        self._to_network, self._shift = _similarity(TEMPLATE + 0.5, points)
        scale = scale_of(points)
        self._finer_inputs, self._finer_faces = max(1, math.ceil(1 / scale)), max(1, math.ceil(scale))
        self._inputs = self._grid(size, self._finer_inputs, self._face_at, np.array(_FACE, np.float64), device)
        self._faces = self._grid(_FACE, self._finer_faces, self._network_at, self._extent, device)

    def to_network(self, faces: Tensor) -> Tensor:
        """See `Framing.to_network`."""
        return _sampled(faces, self._inputs, self._finer_inputs, "zeros")

    def to_face(self, outputs: Tensor) -> Tensor:
        """See `Framing.to_face`."""
        return _sampled(outputs, self._faces, self._finer_faces, "border")

    def _face_at(self, xy: _Points) -> _Points:
        """Pixels of the network's input -> pixels of the face."""
        if self._warp:
            xy = (_bent(xy / self._extent * 2 - 1, self._warp, _arctanh) + 1) / 2 * self._extent
        return (xy - self._shift) @ np.linalg.inv(self._to_network).T

    def _network_at(self, xy: _Points) -> _Points:
        """Pixels of the face -> pixels of the network's input."""
        xy = xy @ self._to_network.T + self._shift
        if self._warp:
            xy = (_bent(xy / self._extent * 2 - 1, self._warp, np.tanh) + 1) / 2 * self._extent
        return xy

    @staticmethod
    def _grid(
        size: tuple[int, int], finer: int, at: Callable[[_Points], _Points], extent: _Points, device: torch.device
    ) -> Tensor:
        """(1, height, width, 2) float32: where `grid_sample` finds `finer` times as many pixels a side as `size`."""
        rows, columns = (np.arange(n * finer) / finer + 0.5 / finer for n in size)
        xy = np.stack(np.meshgrid(columns, rows), axis=-1)
        return torch.from_numpy((at(xy) / extent * 2 - 1)[None]).float().to(device)


def scale_of(points: _Points) -> float:
    """How many of a network's pixels a pixel of the aligned face is wide, by where the network expects five points.

    Args:
        points: (5, 2), in pixels of the network's input.
    """
    matrix, _ = _similarity(TEMPLATE + 0.5, points)
    return math.hypot(matrix[0, 0], matrix[1, 0])


def _similarity(of: _Points, onto: _Points) -> tuple[_Points, _Points]:
    """Matrix (2, 2) and shift (2,) of the rotation, uniform scale and shift of points that are nearest to others."""
    z, w = (points[:, 0] + 1j * points[:, 1] for points in (of, onto))
    a = complex(np.vdot(z - z.mean(), w - w.mean()) / np.vdot(z - z.mean(), z - z.mean()))
    b = complex(w.mean() - a * z.mean())
    return np.array([[a.real, -a.imag], [a.imag, a.real]]), np.array([b.real, b.imag])


def _bent(x: _Points, warp: float, curve: Callable[[_Points], _Points]) -> _Points:
    outside = np.abs(x) > 1 - warp
    bent = np.sign(x) * (1 - warp + warp * curve((np.abs(x) - 1 + warp) / warp))
    return np.where(outside, bent, x)


def _arctanh(x: _Points) -> _Points:
    return np.arctanh(np.clip(x, -1 + _STEEPEST, 1 - _STEEPEST))


def _sampled(maps: Tensor, grid: Tensor, finer: int, outside: str) -> Tensor:
    """Bilinear samples at a grid, each pixel the mean of `finer` x `finer` of them."""
    grids = grid.expand(len(maps), -1, -1, -1)
    return avg_pool2d(grid_sample(maps, grids, mode="bilinear", padding_mode=outside, align_corners=False), finer)


def _resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, C, h, w) -> (B, C, *size): bilinear, with the source's area averaged where it shrinks."""
    if maps.shape[2:] == size:
        return maps
    return interpolate(maps, size, mode="bilinear", antialias=True, align_corners=False)

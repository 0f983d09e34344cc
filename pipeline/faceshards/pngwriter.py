"""Pixels as PNG files (ISO/IEC 15948) by zlib and numpy, so that a bare install writes them."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from faceshards.picturemarks import PNG_SIGNATURE
from faceshards.records import UInt8Array

_GREY, _RGB = 0, 2
_LEVEL = 6


def png(pixels: UInt8Array) -> bytes:
    """Encode an image; the same pixels give the same bytes.

    Args:
        pixels: (H, W, 3) RGB or (H, W) grey, uint8.

    Example:
        >>> png(np.zeros((2, 2, 3), np.uint8))[:4]
        b'\\x89PNG'
    """
    height, width = pixels.shape[:2]
    kind = _GREY if pixels.ndim == 2 else _RGB
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    # Filters guess a value from its neighbours, which makes ids of classes no smaller.
    lines = _plain(pixels) if kind == _GREY else _filtered(pixels)
    data = zlib.compress(lines.tobytes(), _LEVEL)
    return PNG_SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _plain(pixels: UInt8Array) -> UInt8Array:
    return np.pad(pixels, ((0, 0), (1, 0)))


def _filtered(pixels: UInt8Array) -> UInt8Array:
    """Each line by the filter whose values are nearest to 0 in sum, as the standard advises (12.8)."""
    height, width = pixels.shape[:2]
    values = pixels.reshape(height, width * 3).astype(np.int16)
    left = np.zeros_like(values)
    left[:, 3:] = values[:, :-3]
    above = np.zeros_like(values)
    above[1:] = values[:-1]
    corner = np.zeros_like(values)
    corner[1:, 3:] = values[:-1, :-3]
    guesses = (np.zeros_like(values), left, above, (left + above) >> 1, _paeth(left, above, corner))
    lines = np.stack([(values - guess).astype(np.uint8) for guess in guesses])
    sizes = np.abs(lines.view(np.int8).astype(np.int16)).sum(axis=2, dtype=np.int64)
    best = sizes.argmin(axis=0)
    chosen = lines[best, np.arange(height)]
    return np.concatenate([best.astype(np.uint8)[:, None], chosen], axis=1)


def _paeth(left: NDArray[np.int16], above: NDArray[np.int16], corner: NDArray[np.int16]) -> NDArray[np.int16]:
    guess = left + above - corner
    to_left, to_above, to_corner = (np.abs(guess - other) for other in (left, above, corner))
    nearer = np.where(to_above <= to_corner, above, corner)
    return np.where((to_left <= to_above) & (to_left <= to_corner), left, nearer)

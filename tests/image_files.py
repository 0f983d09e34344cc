"""Encoded images for tests, also such as no honest encoder writes."""

import struct
import zlib

import cv2
import numpy as np


def encode(pixels: np.ndarray, suffix: str = ".png", *options: int) -> bytes:
    """Encode (H, W) grey or (H, W, 3) RGB pixels."""
    stored = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    ok, data = cv2.imencode(suffix, stored, options)
    assert ok
    return data.tobytes()


def noise(height: int = 16, width: int = 24, channels: int = 3, top: int = 256, seed: int = 0) -> np.ndarray:
    """Random uint8 pixels below `top`; one channel gives (H, W)."""
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(seed).integers(0, top, shape, np.uint8)


def png(
    width: int, height: int, depth: int, colour: int, raster: bytes, extra: tuple[tuple[bytes, bytes], ...] = ()
) -> bytes:
    """A PNG from its parts; `raster` holds the filter bytes, `extra` the chunks between header and pixels."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)), *extra]
    chunks += [(b"IDAT", zlib.compress(raster)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body

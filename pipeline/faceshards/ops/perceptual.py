"""How alike pictures are: a hash that hardly changes when the picture hardly does, and the correlation of two."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from faceshards.records import UInt8Array
from faceshards.rng import UInt64Array

_SMALL = 32
_FREQUENCIES = 8
_SCALE = 1 << 12


def perceptual_hashes(grey: UInt8Array) -> UInt64Array:
    """The 64-bit pHash of each picture: which of its 8x8 lowest cosine frequencies are above their median.

    Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions (2010). A picture is first made 32x32
    pixels large by the mean of areas. Two pictures of one face, saved anew or made a little brighter, differ in a few
    bits. Factors are whole numbers, and their sums stay below 2**53, so that every machine finds the same bits.

    Args:
        grey: (n, H, W) uint8.

    Returns:
        (n,) uint64; the bit of the lowest frequency is the highest one.

    Example:
        >>> hamming(*perceptual_hashes(np.stack([face, brighter])))
        0
    """
    _, height, width = grey.shape
    rows, columns = _factors(height), _factors(width)
    lowest = rows @ grey.astype(np.float64) @ columns.T
    flat = lowest.reshape(len(grey), _FREQUENCIES**2)
    above = flat > np.median(flat, axis=1, keepdims=True)
    return np.packbits(above, axis=1).view(">u8").astype(np.uint64).reshape(len(grey))


def hamming(a: UInt64Array, b: UInt64Array) -> NDArray[np.uint8]:
    """In how many bits hashes differ, 0 to 64; arrays are broadcast.

    Example:
        >>> hamming(np.uint64(0b101), np.uint64(0b110))
        2
    """
    return np.bitwise_count(np.bitwise_xor(a, b))


def likeness(a: UInt8Array, b: UInt8Array) -> NDArray[np.float64]:
    """Correlation of pictures two by two.

    Args:
        a: (n, h, w) uint8.
        b: (n, h, w) uint8, or (1, h, w) for one that all are held against.

    Returns:
        (n,) -1 to 1; 0 where one of the two is flat.

    Example:
        >>> likeness(face[None], 255 - face[None])
        array([-1.])
    """
    x, y = (one.reshape(len(one), -1).astype(np.float64) for one in (a, b))
    x -= x.mean(axis=1, keepdims=True)
    y -= y.mean(axis=1, keepdims=True)
    spread = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    out: NDArray[np.float64] = np.divide((x * y).sum(axis=1), spread, out=np.zeros(len(x)), where=spread > 0)
    return out


@cache
def _factors(size: int) -> NDArray[np.float64]:
    """(8, size) whole numbers: what makes `size` pixels 32 by the mean of areas, and then their cosine transform."""
    edges = np.arange(_SMALL + 1) * size / _SMALL
    pixel = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    area = np.clip(overlap, 0, None) * _SMALL / size
    place = (np.arange(_SMALL) + 0.5) / _SMALL
    cosine = np.cos(np.pi * np.arange(_FREQUENCIES)[:, None] * place)
    return np.asarray(np.round(cosine @ area * _SCALE), np.float64)

"""Packs numbers and texts into one string of base64 that the page unpacks again."""

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ALIGN = 8
_TYPES = {"uint8": "Uint8Array", "uint16": "Uint16Array", "uint32": "Uint32Array"}

MISSING = 65_535
"""The code of a number that a face has none of."""


def pack(texts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """Pack JSON values and arrays.

    Deflated, they are: the length of the JSON as a little-endian uint32; the JSON, with a key ``arrays`` that has the
    JavaScript type, the number of items and the byte offset of each array; then the arrays, each from a multiple of 8
    bytes behind the JSON on.

    Args:
        texts: JSON values by name.
        arrays: uint8, uint16 or uint32 by name, of any shape.
    """
    table, parts, at = {}, [], 0
    for name, values in arrays.items():
        data = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<")).tobytes()
        table[name] = [_TYPES[values.dtype.name], values.size, at]
        padded = data + b"\0" * (-len(data) % _ALIGN)
        parts.append(padded)
        at += len(padded)
    head = json.dumps({**texts, "arrays": table}, separators=(",", ":"), allow_nan=False).encode()
    head += b" " * (-(len(head) + 4) % _ALIGN)
    whole = b"".join([len(head).to_bytes(4, "little"), head, *parts])
    return base64.b64encode(zlib.compress(whole, 9)).decode()


def coded(values: NDArray[np.float64], step: float) -> tuple[NDArray[np.uint16], float, float]:
    """Numbers as 16 bits: ``value = offset + scale * code``; NaN is `MISSING`.

    Args:
        values: of any shape, and finite or NaN.
        step: what need not be told apart; a coarser one packs smaller.

    Returns:
        Codes of the shape of `values`, the scale and the offset. The error is half the scale at most; the scale is
        `step`, or more where the values reach too far for 65,534 steps.

    Example:
        >>> coded(np.array([2.0, 3.0, np.nan]), 0.5)
        (array([    0,     2, 65535], dtype=uint16), 0.5, 2.0)
    """
    codes = np.full(values.shape, MISSING, np.uint16)
    known = ~np.isnan(values)
    if not known.any():
        return codes, step, 0.0
    low, high = float(values[known].min()), float(values[known].max())
    scale = max((high - low) / (MISSING - 1), step)
    codes[known] = np.rint((values[known] - low) / scale).astype(np.uint16)
    return codes, scale, low


def coded_areas(pixels: NDArray[np.int32], most: int) -> NDArray[np.uint8]:
    """Areas as 8 bits: ``share = (code / 255) ** 2``; 0 is no pixel, and one pixel is 1 or more.

    Args:
        pixels: counts, 0 to `most`.
        most: the pixels of a face.
    """
    codes = np.rint(np.sqrt(pixels / most) * 255).astype(np.uint8)
    out: NDArray[np.uint8] = np.maximum(codes, (pixels > 0).astype(np.uint8))
    return out

"""A lossless filter that makes faces smaller, as a Zarr v3 codec of our own: the profile `compact` needs it.

Neighbouring pixels are alike, and so are the colours of one pixel: what is left after subtraction is small numbers,
which an entropy coder packs well (the idea of PNG's filters, ISO/IEC 15948, and of the colour transforms of lossless
video). Arithmetic is modulo 256. Zarr finds the codec through the entry point of the installed package, or once this
module is imported.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np
from zarr.abc.codec import ArrayArrayCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import NDBuffer
from zarr.registry import register_codec

from faceshards.records import UInt8Array

IMAGE_DELTA = "faceshards.image_delta"


@dataclass(frozen=True)
class ImageDelta(ArrayArrayCodec):
    """Red and blue less green, and every row of pixels less the one above it.

    Takes uint8 of shape (y, ..., 3): rows first, so that one row of all samples is one stretch of memory. Zarr's own
    ``transpose`` brings them there.
    """

    is_fixed_size = True

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:  # noqa: ARG003 (the interface's; there is nothing to configure)
        """From the metadata of an array."""
        return cls()

    def to_dict(self) -> dict[str, Any]:
        """For the metadata of an array."""
        return {"name": IMAGE_DELTA}

    def compute_encoded_size(self, input_byte_length: int, _chunk_spec: ArraySpec) -> int:
        """As many bytes as there were."""
        return input_byte_length

    async def _encode_single(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> NDBuffer:
        values = np.array(chunk_array.as_numpy_array(), order="C")
        subtract(values)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(values)

    async def _decode_single(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> NDBuffer:
        values = np.array(chunk_array.as_numpy_array(), order="C")
        restore(values)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(values)


def subtract(values: UInt8Array) -> None:
    """Filter a C-contiguous (y, ..., 3) array, in place."""
    rows, green = _rows_and_green(values)
    rows[:, :-1] -= green[:, 1:]
    rows[:, 1:] -= green[:, :-1]
    rows[1:] -= rows[:-1].copy()


def restore(values: UInt8Array) -> None:
    """Undo `subtract`, in place."""
    rows, green = _rows_and_green(values)
    rows[:, :-1] += green[:, 1:]
    rows[:, 1:] += green[:, :-1]
    # Not `np.add.accumulate`, which goes through memory pixel by pixel: this is 30 times as fast.
    above = rows[0]
    for row in rows[1:]:
        np.add(row, above, out=row)
        above = row


def _rows_and_green(values: UInt8Array) -> tuple[UInt8Array, UInt8Array]:
    """The array as (y, bytes), and a copy of which only the green bytes are left.

    Shifted by a byte, green lies where red and blue are: whole rows are added, which is four times as fast as every
    third byte.
    """
    rows = values.reshape(len(values), -1)
    return rows, rows & _green_mask(rows.shape[1])


@lru_cache(8)
def _green_mask(n: int) -> UInt8Array:
    return np.resize(np.array([0, 255, 0], np.uint8), n)


register_codec(IMAGE_DELTA, ImageDelta)

"""A Zarr v3 codec of our own: one image a chunk, as the JPEG or PNG file that it came as (profile `source`).

It decodes what was put into the shard as it is (`shardfile`). Pixels that are written through Zarr become PNG files,
for a JPEG cannot be made again from its pixels. Zarr finds the codec through the entry point of the installed package,
or once this module is imported.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from zarr.abc.codec import ArrayBytesCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer, NDBuffer
from zarr.registry import register_codec

from faceshards.store.imagefiles import decode_to, png_of

IMAGE_FILE = "faceshards.image_file"


@dataclass(frozen=True)
class ImageFile(ArrayBytesCodec):
    """A chunk of uint8 whose one image is (..., H, W, 3) RGB; all axes before these have length 1."""

    is_fixed_size = False

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:  # noqa: ARG003 (the interface's; there is nothing to configure)
        """From the metadata of an array."""
        return cls()

    def to_dict(self) -> dict[str, Any]:
        """For the metadata of an array."""
        return {"name": IMAGE_FILE}

    def compute_encoded_size(self, input_byte_length: int, _chunk_spec: ArraySpec) -> int:
        """Not known before the image is there."""
        raise NotImplementedError

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        values = np.empty(chunk_spec.shape, np.uint8)
        (image,) = values.reshape(-1, *chunk_spec.shape[-3:])
        await asyncio.to_thread(decode_to, np.asarray(chunk_bytes.as_numpy_array()).view(np.uint8), image)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(values)

    async def _encode_single(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> Buffer:
        values = np.asarray(chunk_array.as_numpy_array())
        (image,) = values.reshape(-1, *values.shape[-3:])
        return chunk_spec.prototype.buffer.from_bytes(await asyncio.to_thread(png_of, image))


register_codec(IMAGE_FILE, ImageFile)

"""Zstandard frames that decode faster, for images whose neighbours were subtracted (`filters`).

Small noisy numbers hold no repetition worth the name, but level 1 finds short ones by chance all over them, and a
decoder spends a fifth of its time on those. With a hash table of 64 entries nearly all are missed: the frames are no
larger, are written in half the time, and are plain Zstandard to every reader.
"""

from dataclasses import replace
from typing import Any

import zarr
import zstandard
from zarr.codecs import ShardingCodec, ZstdCodec
from zarr.core.array import AsyncArray
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer

_PARAMS = zstandard.ZstdCompressionParameters(
    strategy=zstandard.STRATEGY_FAST,
    hash_log=6,  # the least that Zstandard allows
    min_match=7,  # the most
    window_log=19,
    write_content_size=True,
)


class LiteralZstd(ZstdCodec):
    """Zarr's ``zstd``, but for the frames that it writes."""

    def _encode_sync(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> Buffer:
        compressor = zstandard.ZstdCompressor(compression_params=_PARAMS)  # one a call: threads cannot share one
        return chunk_spec.prototype.buffer.from_bytes(compressor.compress(chunk_bytes.as_numpy_array().data))


def with_literal_frames(array: zarr.Array[Any]) -> zarr.Array[Any]:
    """The same array of a store, to be written with `LiteralZstd` where its metadata say ``zstd``."""
    metadata: Any = array.metadata
    sharding: ShardingCodec = metadata.codecs[0]
    codecs = (LiteralZstd(level=codec.level) if isinstance(codec, ZstdCodec) else codec for codec in sharding.codecs)
    metadata = replace(metadata, codecs=(replace(sharding, codecs=tuple(codecs)),))
    return zarr.Array(AsyncArray(metadata, array.store_path, array.config))

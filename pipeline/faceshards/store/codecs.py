"""How samples become the bytes of a shard: the one place that picks codecs.

Checksums at both levels, for Zarr's defaults hand out flipped bits. Zstandard, for its bytes depend neither on threads
nor on the time of day; level 1, for level 3 packs faces 6 % tighter at a third of the speed.
"""

from typing import Any

from zarr.codecs import Crc32cCodec, ZstdCodec

from faceshards.store.schema import ArraySpec

ZSTD_LEVEL = 1


def array_options(array: ArraySpec, chunk_rows: int, shard_rows: int) -> dict[str, Any]:
    """Keyword arguments of `zarr.create_array`: the sharding codec with zstd and CRC-32C inside.

    Zarr adds ``bytes`` before these codecs, and ``bytes, crc32c`` as the codecs of the shard's index.
    """
    return {
        "chunks": (chunk_rows, *array.shape),
        "shards": (shard_rows, *array.shape),
        "compressors": (ZstdCodec(level=ZSTD_LEVEL), Crc32cCodec()),
        "filters": (),
        # One flat folder an array: nothing but the first index ever differs from 0.
        "chunk_key_encoding": {"name": "default", "separator": "."},
    }

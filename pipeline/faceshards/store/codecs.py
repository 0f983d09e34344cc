"""How samples become the bytes of a shard: the one place that picks codecs.

Checksums at both levels, for Zarr's defaults hand out flipped bits. Zstandard, for its bytes depend neither on threads
nor on the time of day: level 1 for images, which higher ones pack no tighter; 12 for all else, because it makes region
maps a quarter smaller, and faster to decode.
"""

from typing import Any

from zarr.codecs import Crc32cCodec, TransposeCodec, ZstdCodec

from faceshards.store.filters import ImageDelta
from faceshards.store.schema import ArraySpec, Profile

_IMAGE_LEVEL, _OTHER_LEVEL = 1, 12
_COLOUR_IMAGE = ("y", "x", "channel")


def array_options(array: ArraySpec, chunk_rows: int, shard_rows: int, profile: Profile) -> dict[str, Any]:
    """Keyword arguments of `zarr.create_array`: the sharding codec, and inside it what the profile says.

    Zarr adds ``bytes`` between filters and compressors, and ``bytes, crc32c`` as the codecs of the shard's index.
    """
    level = _IMAGE_LEVEL if array.dimension_names[-3:] == _COLOUR_IMAGE else _OTHER_LEVEL
    return {
        "chunks": (chunk_rows, *array.shape),
        "shards": (shard_rows, *array.shape),
        "filters": _image_filters(array) if profile == "compact" else (),
        "compressors": (Crc32cCodec(),) if profile == "fast" else (ZstdCodec(level=level), Crc32cCodec()),
        # One flat folder an array: nothing but the first index ever differs from 0.
        "chunk_key_encoding": {"name": "default", "separator": "."},
    }


def filters_leave_literals(array: ArraySpec, profile: Profile) -> bool:
    """Whether an array holds nothing that repeats once it is filtered; variants repeat what they share."""
    return profile == "compact" and bool(_image_filters(array)) and "erasure" not in array.dimension_names


def _image_filters(array: ArraySpec) -> tuple[Any, ...]:
    names = ("sample", *array.dimension_names)
    if names[-3:] != _COLOUR_IMAGE or array.shape[-1] != 3:
        return ()
    # Variants of a face now lie side by side, row by row: zstd finds what they share.
    order = sorted(range(len(names)), key=lambda axis: names[axis] != "y")
    return TransposeCodec(order=order), ImageDelta()

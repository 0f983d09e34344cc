"""How samples become the bytes of a shard: the one place that picks codecs.

Checksums at both levels, for Zarr's defaults hand out flipped bits. Zstandard, for its bytes depend neither on threads
nor on the time of day: level 1 for images, which higher ones pack no tighter; 12 for all else, because it makes region
maps a quarter smaller, and faster to decode.
"""

from typing import Any

from zarr.codecs import Crc32cCodec, TransposeCodec, ZstdCodec

from faceshards.store.filters import IMAGE_DELTA, ImageDelta
from faceshards.store.imagecodec import IMAGE_FILE, ImageFile
from faceshards.store.schema import ArraySpec, Profile

_IMAGE_LEVEL, _OTHER_LEVEL = 1, 12
_COLOUR_IMAGE = ("y", "x", "channel")
_FILTERED = ("compact", "source")


def array_options(array: ArraySpec, chunk_rows: int, shard_rows: int, profile: Profile) -> dict[str, Any]:
    """Keyword arguments of `zarr.create_array`: the sharding codec, and inside it what the profile says.

    Zarr adds ``bytes`` between filters and compressors, and ``bytes, crc32c`` as the codecs of the shard's index.
    """
    options: dict[str, Any] = {
        "shards": (shard_rows, *array.shape),
        # One flat folder an array: nothing but the first index ever differs from 0.
        "chunk_key_encoding": {"name": "default", "separator": "."},
    }
    if keeps_files(array, profile):
        files = {"filters": (), "serializer": ImageFile(), "compressors": (Crc32cCodec(),)}
        return {**options, "chunks": (1, *array.shape), **files}
    level = _IMAGE_LEVEL if array.dimension_names[-3:] == _COLOUR_IMAGE else _OTHER_LEVEL
    return {
        **options,
        "chunks": (chunk_rows, *array.shape),
        "filters": _image_filters(array) if profile in _FILTERED else (),
        "compressors": (Crc32cCodec(),) if profile == "fast" else (ZstdCodec(level=level), Crc32cCodec()),
    }


def keeps_files(array: ArraySpec, profile: Profile) -> bool:
    """Whether an array holds one JPEG or PNG file a sample (`imagefiles.EncodedImages`) in place of pixels."""
    return profile == "source" and array.dtype == "uint8" and _is_colour_image(array.dimension_names, array)


def filters_leave_literals(array: ArraySpec, profile: Profile) -> bool:
    """Whether an array holds nothing that repeats once it is filtered; variants repeat what they share."""
    return profile in _FILTERED and _is_colour_image(array.dimension_names, array) and not keeps_files(array, profile)


def codec_names(array: ArraySpec, profile: Profile) -> list[str]:
    """What `array_options` comes to in an array's metadata: names of the codecs of its inner chunks."""
    if keeps_files(array, profile):
        return [IMAGE_FILE, "crc32c"]
    filters = ["transpose", IMAGE_DELTA] if profile in _FILTERED and _image_filters(array) else []
    return [*filters, "bytes", *(() if profile == "fast" else ("zstd",)), "crc32c"]


def axes_order(array: ArraySpec) -> list[int]:
    """The order of axes, the sample's among them, in which an image is filtered: rows of pixels first."""
    names = ("sample", *array.dimension_names)
    # Variants of a face now lie side by side, row by row: zstd finds what they share.
    return sorted(range(len(names)), key=lambda axis: names[axis] != "y")


def _image_filters(array: ArraySpec) -> tuple[Any, ...]:
    if not _is_colour_image(array.dimension_names[-3:], array):
        return ()
    return TransposeCodec(order=axes_order(array)), ImageDelta()


def _is_colour_image(names: tuple[str, ...], array: ArraySpec) -> bool:
    return names == _COLOUR_IMAGE and array.shape[-1] == 3

"""The header of a TIFF file (TIFF 6.0), and which of them OpenCV reads as the picture that they are."""

import struct
from typing import NamedTuple

from faceshards.counted import counted

_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES = 256, 257, 258, 262, 277
_SUBFILE, _ORIENTATION, _SAMPLE_FORMAT, _DNG_VERSION, _CFA = 254, 274, 339, 50706, 33421
_EXTRA_SAMPLES, _APART, _MULTIPLIED = 338, 2, 1
_SIZES = {1: 1, 3: 2, 4: 4}
_CODES = {1: "B", 3: "H", 4: "I"}
_REDUCED = 1
_MAX_PAGES, _MAX_TAGS = 1000, 1000
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_MAX_SAMPLES = 4
_TILES = ((_TILE_WIDTH, _WIDTH), (_TILE_HEIGHT, _HEIGHT))
_LARGEST_TILE = 1024
"""Sides of a tile up to this may be longer than the picture."""

_SEPARATED, _CIELAB = 5, 8


class TiffHeader(NamedTuple):
    """What the first picture of a TIFF file claims to be.

    Attributes:
        width: in pixels, as stored.
        height: in pixels, as stored.
        bits: of a sample.
        samples: of a pixel.
        pages: pictures in the file, thumbnails among them.
        orientation: which side is up, as EXIF counts it; 1 where the picture lies as it is stored.
        fault: why it is not read; None where it is.
    """

    width: int
    height: int
    bits: int
    samples: int
    pages: int
    orientation: int
    fault: str | None


def read_tiff(data: bytes) -> TiffHeader:
    """Read the header of a TIFF file.

    Args:
        data: the file.

    Raises:
        struct.error: it is cut short.
        ValueError: it has no size, more than 1,000 tags a page, or pages that go round in a circle.
    """
    order = "<" if data.startswith(b"II") else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    tags, following = _directory(data, order, at)
    pages = {at}
    while following and len(pages) < _MAX_PAGES:
        if following in pages:
            raise ValueError("its pages go round in a circle")
        pages.add(following)
        _, following = _directory(data, order, following)
    if _WIDTH not in tags or _HEIGHT not in tags:
        raise ValueError("no size")
    bits, samples = tags.get(_BITS, 1), tags.get(_SAMPLES, 1)
    size = tags[_WIDTH], tags[_HEIGHT]
    return TiffHeader(*size, bits, samples, len(pages), tags.get(_ORIENTATION, 1), _fault(data, tags, bits))


def with_alpha_apart(data: bytes) -> bytes:
    """A TIFF file whose decoder leaves the colours as they are stored, also where there is an alpha beside them.

    Decoders multiply colours by an alpha that the file calls unassociated. In the copy it is called associated, so that
    they take them for multiplied already.

    Args:
        data: a file that `read_tiff` takes.
    """
    order = "<" if data.startswith(b"II") else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, at)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, values, value = struct.unpack_from(order + "HHIH", data, entry)
        if (tag, kind, values, value) == (_EXTRA_SAMPLES, 3, 1, _APART):
            return data[: entry + 8] + struct.pack(order + "H", _MULTIPLIED) + data[entry + 10 :]
    return data


def _fault(data: bytes, tags: dict[int, int], bits: int) -> str | None:
    if data[8:10] == b"CR" or {_DNG_VERSION, _CFA} & set(tags) or tags.get(_SUBFILE, 0) & _REDUCED:
        return "a camera's raw file, of which only a thumbnail could be read; develop it to JPEG or PNG"
    if bits > 16 or tags.get(_SAMPLE_FORMAT, 1) != 1:
        return f"its samples are {bits}-bit numbers that no screen shows; save it with 8 bits a channel"
    if tags.get(_SAMPLES, 1) > _MAX_SAMPLES:
        return f"it has {counted(tags[_SAMPLES], 'channel')}; save it as RGB"
    if any(tags.get(tile, 0) > max(tags.get(side, 0), _LARGEST_TILE) for tile, side in _TILES):
        return "its tiles are larger than the picture; save it again"
    if tags.get(_PHOTOMETRIC) in (_SEPARATED, _CIELAB):
        return "its colours are for printing (CMYK or CIELAB); save it as RGB"
    return None


def _directory(data: bytes, order: str, at: int) -> tuple[dict[int, int], int]:
    """The first value of each tag of whole numbers, and where the next directory lies; 0 where there is none."""
    (count,) = struct.unpack_from(order + "H", data, at)
    if count > _MAX_TAGS:
        raise ValueError(f"{counted(count, 'tag')}")
    tags = {}
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, values = struct.unpack_from(order + "HHI", data, entry)
        if kind in _SIZES:
            inline = _SIZES[kind] * values <= 4
            place = entry + 8 if inline else struct.unpack_from(order + "I", data, entry + 8)[0]
            (tags[tag],) = struct.unpack_from(order + _CODES[kind], data, place)
        elif tag in (_DNG_VERSION, _CFA):
            tags[tag] = 1
    (following,) = struct.unpack_from(order + "I", data, at + 2 + 12 * count)
    return tags, following

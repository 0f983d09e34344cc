"""Format and size of an encoded image, read from its header without decoding a pixel.

A decoder allocates what the header claims: 900 kB of PNG can become 2 GB. So the claim is read first.
Formats: PNG (ISO/IEC 15948), JPEG (ITU-T T.81), WebP (RFC 9649), BMP, and binary PGM and PPM (Netpbm).
"""

import re
import struct
import zlib
from typing import NamedTuple


class ImageHeader(NamedTuple):
    """What an image file claims to hold.

    Attributes:
        format: ``"png"``, ``"jpeg"``, ``"webp"``, ``"bmp"`` or ``"pnm"``.
        width: in pixels, as stored (before any EXIF rotation).
        height: in pixels, as stored.
        grey8: one channel of 8 bits whose values need no palette: the only kind that can hold class ids.
    """

    format: str
    width: int
    height: int
    grey8: bool


def read_header(data: bytes) -> ImageHeader | None:
    """Read the header of an encoded image; None where the format is none of ours or the header is broken."""
    for magic, read in _READERS:
        if re.match(magic, data, re.DOTALL):
            try:
                return read(data)
            except (struct.error, IndexError):
                return None
    return None


def _png(data: bytes) -> ImageHeader | None:
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    if struct.unpack_from(">I", data, 29)[0] != zlib.crc32(data[12:29]):
        return None
    return ImageHeader("png", width, height, grey8=depth == 8 and colour == 0)


_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0-15, without DHT, JPG and DAC
_JPEG_ALONE = frozenset(range(0xD0, 0xD8)) | {0x01}  # RSTn and TEM: markers without a length


def _jpeg(data: bytes) -> ImageHeader | None:
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in _JPEG_ALONE:
            at += 2
        elif marker in _JPEG_FRAMES:
            depth, height, width, channels = struct.unpack_from(">BHHB", data, at + 4)
            return ImageHeader("jpeg", width, height, grey8=depth == 8 and channels == 1)
        else:
            at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])
    return None


def _webp(data: bytes) -> ImageHeader | None:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    elif kind == b"VP8 ":
        width, height = (size & 0x3FFF for size in struct.unpack_from("<HH", data, 26))
    else:
        return None
    return ImageHeader("webp", width, height, grey8=False)


def _bmp(data: bytes) -> ImageHeader | None:
    (header_size,) = struct.unpack_from("<I", data, 14)
    if header_size == 12:  # BITMAPCOREHEADER of OS/2
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return ImageHeader("bmp", width, abs(height), grey8=False)  # a negative height means top row first


_PNM = re.compile(rb"P([56])(?:\s+|#[^\n]*\n)+?(\d{1,9})(?:\s+|#[^\n]*\n)+?(\d{1,9})(?:\s+|#[^\n]*\n)+?(\d{1,5})\s")


def _pnm(data: bytes) -> ImageHeader | None:
    match = _PNM.match(data[:4096])
    if match is None:
        return None
    kind, width, height, top = (int(group) for group in match.groups())
    return ImageHeader("pnm", width, height, grey8=kind == 5 and top == 255)


_READERS = (
    (rb"\x89PNG\r\n\x1a\n.{4}IHDR", _png),
    (rb"\xff\xd8\xff", _jpeg),
    (rb"RIFF.{4}WEBP", _webp),
    (rb"BM", _bmp),
    (rb"P[56]\s", _pnm),
)

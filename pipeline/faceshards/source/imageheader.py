"""Format and size of an encoded image, read from its header without decoding a pixel.

A decoder allocates what the header claims: 900 kB of PNG can become 2 GB. So the claim is read first.
Formats: PNG (ISO/IEC 15948), JPEG (ITU-T T.81), WebP (RFC 9649), BMP, PBM, PGM and PPM (Netpbm), GIF, TIFF, JPEG 2000
(ITU-T T.800), AVIF and HEIC (ISO/IEC 23008-12).

Why no library: imagesize does not say which format it found, and Pillow, a second decoder in every worker, would not
say what OpenCV makes of the file.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from faceshards.counted import counted
from faceshards.picturemarks import JPEG_ALONE, JPEG_FRAMES
from faceshards.source.tiffheader import read_tiff


class ImageHeader(NamedTuple):
    """What an image file claims to hold.

    Attributes:
        format: ``"png"``, ``"jpeg"``, ``"webp"``, ``"bmp"``, ``"pnm"``, ``"gif"``, ``"tiff"``, ``"jp2"``, ``"avif"`` or
            ``"heic"``.
        width: in pixels, as stored (before any EXIF rotation).
        height: in pixels, as stored.
        grey8: one channel of 8 bits whose values need no palette: the only kind that can hold class ids.
        few: at most 256 colours: one channel of at most 8 bits, or a palette, in a format without loss.
        frames: pictures in the file; 1 where the format's header does not tell.
        fault: what keeps the file from being read, for a sentence; None where nothing does.
    """

    format: str
    width: int
    height: int
    grey8: bool = False
    few: bool = False
    frames: int = 1
    fault: str | None = None

    @property
    def pixels(self) -> int:
        """How many pixels it claims; 0 where a side has none, or fewer (the corners of JPEG 2000 may be exchanged)."""
        return max(self.width, 0) * max(self.height, 0)


def read_header(data: bytes) -> ImageHeader | None:
    """Read the header of an encoded image; None where the format is none of ours or the header is broken."""
    for magic, read in _READERS:
        if re.match(magic, data, re.DOTALL):
            try:
                return read(data)
            except (struct.error, IndexError, ValueError):
                return None
    return None


def _png(data: bytes) -> ImageHeader | None:
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    if struct.unpack_from(">I", data, 29)[0] != zlib.crc32(data[12:29]):
        return None
    few = colour == 3 or (colour == 0 and depth <= 8)
    return ImageHeader("png", width, height, depth == 8 and colour == 0, few, _png_frames(data))


def _png_frames(data: bytes) -> int:
    at = 33
    while data[at + 4 : at + 8] not in (b"IDAT", b"acTL", b""):
        at += 12 + int(struct.unpack_from(">I", data, at)[0])
    return int(struct.unpack_from(">I", data, at + 8)[0]) if data[at + 4 : at + 8] == b"acTL" else 1


_JPEG_SCAN, _MAX_SCANS = b"\xff\xda", 200
"""A decoder goes over the whole picture for each scan, of which a progressive JPEG has some ten."""


def _jpeg(data: bytes) -> ImageHeader | None:
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in JPEG_ALONE:
            at += 2
        elif marker in JPEG_FRAMES:
            depth, height, width, channels = struct.unpack_from(">BHHB", data, at + 4)
            # No pixel's code holds the marker of a scan.
            scans = data.count(_JPEG_SCAN, at)
            fault = (
                f"{counted(scans, 'scan')}; expected at most {_MAX_SCANS}; save it again"
                if scans > _MAX_SCANS
                else None
            )
            return ImageHeader("jpeg", width, height, depth == 8 and channels == 1, fault=fault)
        else:
            at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])
    return None


_ANIMATION = 0x02  # of the flags of a VP8X chunk


def _webp(data: bytes) -> ImageHeader | None:
    kind = data[12:16]
    frames = 1
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        if data[20] & _ANIMATION:
            frames = max(1, data.count(b"ANMF"))
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    elif kind == b"VP8 ":
        width, height = (size & 0x3FFF for size in struct.unpack_from("<HH", data, 26))
    else:
        return None
    return ImageHeader("webp", width, height, frames=frames)


def _bmp(data: bytes) -> ImageHeader | None:
    (header_size,) = struct.unpack_from("<I", data, 14)
    if header_size == 12:  # BITMAPCOREHEADER of OS/2
        width, height = struct.unpack_from("<HH", data, 18)
        depth = int.from_bytes(data[24:26], "little")
    else:
        width, height = struct.unpack_from("<ii", data, 18)
        depth = int.from_bytes(data[28:30], "little")
    return ImageHeader("bmp", width, abs(height), few=depth <= 8)  # a negative height means top row first


# One space at a time: with runs of them inside a repetition, the ways to cut a row of spaces double with each.
_GAP = rb"(?:\s|#[^\n]*\n)+?"
_PNM = re.compile(rb"P([1-6])" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})(?:" + _GAP + rb"(\d{1,5}))?\s")
_BITS = (1, 4)  # the kinds without a greatest value


def _pnm(data: bytes) -> ImageHeader | None:
    match = _PNM.match(data[:4096])
    if match is None:
        return None
    kind, width, height = (int(group) for group in match.groups()[:3])
    top = 1 if kind in _BITS else int(match[4] or 0)
    fault = (
        None if kind in _BITS or top in (255, 65535) else f"its greatest value is {top}; only 255 and 65535 are read"
    )
    return ImageHeader("pnm", width, height, kind == 5 and top == 255, kind in (1, 2, 4, 5) and top <= 255, fault=fault)


def _gif(data: bytes) -> ImageHeader | None:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    return ImageHeader("gif", width, height, few=True, frames=_gif_frames(data, 13 + _gif_colours(flags)))


def _gif_colours(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _gif_frames(data: bytes, at: int) -> int:
    """The image blocks of a GIF, as far as it is whole; at least 1."""
    frames = 0
    while at < len(data) and data[at] in (0x21, 0x2C):
        if data[at] == 0x2C and at + 9 < len(data):
            frames += 1
            at += 11 + _gif_colours(data[at + 9])
        else:
            at += 2
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    return max(frames, 1)


def _tiff(data: bytes) -> ImageHeader | None:
    tiff = read_tiff(data)
    few = tiff.bits <= 8 and tiff.samples == 1
    return ImageHeader("tiff", tiff.width, tiff.height, few=few, frames=tiff.pages, fault=tiff.fault)


_MAX_TILES, _MAX_CHANNELS = 4096, 4


def _jp2(data: bytes) -> ImageHeader | None:
    if data.startswith(b"\xff\x4f"):
        return _codestream(data, 0)
    named, stream = None, None
    for kind, start, stop in boxes(data):
        if kind == b"jp2h" and named is None:
            named = next((at for inner, at, _ in boxes(data, start, stop) if inner == b"ihdr"), None)
        elif kind == b"jp2c":
            stream = start
            break
    if named is None or stream is None:
        return None
    header = _codestream(data, stream)
    height, width = struct.unpack_from(">II", data, named)
    if (header.width, header.height) != (width, height):
        claims = f"its header says {width} x {height} pixels, its picture {header.width} x {header.height}"
        return header._replace(fault=f"{claims}; save it again")
    return header


def _codestream(data: bytes, at: int) -> ImageHeader:
    """The segment SIZ of a JPEG 2000 codestream."""
    right, bottom, left, top, across, down = struct.unpack_from(">6I", data, at + 8)
    (channels,) = struct.unpack_from(">H", data, at + 40)
    header = ImageHeader("jp2", right - left, bottom - top)
    if not across or not down or -(-right // across) * -(-bottom // down) > _MAX_TILES:
        return header._replace(fault=f"more than {_MAX_TILES:,} tiles, as no photograph has; save it again")
    if channels > _MAX_CHANNELS:
        return header._replace(fault=f"{counted(channels, 'channel')}; expected at most {_MAX_CHANNELS}")
    return header


def _heif(data: bytes) -> ImageHeader | None:
    """AVIF and HEIC: both lie in the same boxes, and the brands in the first tell them apart."""
    (length,) = struct.unpack_from(">I", data)
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, min(length, 256), 4))}
    if brands & {b"avif", b"avis"}:
        name = "avif"
    elif brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}:
        name = "heic"
    else:
        return None
    sizes = []
    for kind, start, stop in boxes(data):
        # Also parts have sizes: tiles and thumbnails.
        if kind == b"meta":
            found = re.finditer(b"ispe", data[start:stop])
            sizes += [struct.unpack_from(">II", data, start + match.end() + 4) for match in found]
        elif kind == b"moov":
            sizes += [_track_size(data, start + match.start()) for match in re.finditer(b"tkhd", data[start:stop])]
    if not sizes:
        return None
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    return ImageHeader(name, width, height, frames=2 if data[8:12] in (b"avis", b"msf1", b"hevc") else 1)


def _track_size(data: bytes, at: int) -> tuple[int, int]:
    """The size that the box ``tkhd`` whose name lies at `at` ends with, in 65,536ths."""
    (length,) = struct.unpack_from(">I", data, at - 4)
    width, height = struct.unpack_from(">II", data, at - 4 + length - 8)
    return width >> 16, height >> 16


def boxes(data: bytes, at: int = 0, stop: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """The boxes of an ISO base media file (ISO/IEC 14496-12) in a stretch of it: kind, and bounds of the content."""
    stop = len(data) if stop is None else stop
    while at + 8 <= stop:
        length, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, start)
            start += 8
        end = stop if length == 0 else at + length
        if end < start or end > stop:
            return
        yield kind, start, end
        at = end


_READERS = (
    (rb"\x89PNG\r\n\x1a\n.{4}IHDR", _png),
    (rb"\xff\xd8\xff", _jpeg),
    (rb"RIFF.{4}WEBP", _webp),
    (rb"BM", _bmp),
    (rb"P[1-6]\s", _pnm),
    (rb"GIF8[79]a", _gif),
    (rb"II\*\0|MM\0\*", _tiff),
    (rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", _jp2),
    (rb".{4}ftyp", _heif),
)

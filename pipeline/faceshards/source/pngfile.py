"""PNG files (ISO/IEC 15948) by their chunks: what decides the pixels, and the indices of those with a palette.

A decoder that reads from a stream makes room for a chunk as long as its header says, before it sees that the file ends.
So the chunks are looked through first, and only those that decide pixels are handed on.
"""

import struct
import zlib
from collections.abc import Iterator

from faceshards.counted import counted
from faceshards.picturemarks import PNG_SIGNATURE

_GREY, _INDEXED = 0, 3
_PALETTE = (b"PLTE", b"tRNS", b"bKGD", b"hIST")
_END, _EXIF = b"IEND", b"eXIf"
_DECISIVE = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", _END})
_EXIF_AS_TEXT = (b"Raw profile type exif\0", b"Raw profile type APP1\0")
_TEXTS = (b"tEXt", b"zTXt")
_OTHER_BYTES = 12  # of a chunk: its length, kind and check


def is_png(data: bytes) -> bool:
    """Whether a file begins as a PNG."""
    return data.startswith(PNG_SIGNATURE)


def bare_png(data: bytes) -> bytes:
    """A PNG file without the chunks that decide no pixel: animation, texts, profiles, whatever is unknown.

    Of an animated PNG the default picture is left, which viewers without animation show.

    Args:
        data: the file.

    Raises:
        ValueError: it is cut short, or a chunk claims more bytes than the file has.

    Example:
        >>> len(bare_png(with_a_comment)) < len(with_a_comment)
        True
    """
    kept = [PNG_SIGNATURE]
    for kind, start, stop in _chunks(data):
        if kind in _DECISIVE or _is_exif(data, kind, start):
            kept.append(data[start - 8 : stop + 4])
    return b"".join(kept)


def has_exif(data: bytes) -> bool:
    """Whether a PNG file has EXIF, which may say which side is up.

    Raises:
        ValueError: as `bare_png`.
    """
    return any(_is_exif(data, kind, start) for kind, start, _ in _chunks(data))


def palette_bits(data: bytes) -> int | None:
    """The bits of an index of a PNG with a palette; None for any other file."""
    if not is_png(data) or len(data) < 26 or data[25] != _INDEXED:
        return None
    return data[24]


def indices_as_grey(data: bytes) -> bytes:
    """A PNG with a palette as a grey one whose values are the indices; those of fewer than 8 bits come scaled to 8.

    Args:
        data: a file of which `palette_bits` gives a number.

    Raises:
        ValueError: it is cut short or damaged.
    """
    parts = [PNG_SIGNATURE]
    for kind, start, stop in _chunks(data):
        content = data[start:stop]
        if struct.unpack_from(">I", data, stop)[0] != zlib.crc32(kind + content):
            raise ValueError(f"the chunk {kind!r} is damaged")
        if kind == b"IHDR":
            content = content[:9] + bytes([_GREY]) + content[10:]
        if kind not in _PALETTE:
            parts.append(
                struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
            )
    return b"".join(parts)


def _is_exif(data: bytes, kind: bytes, start: int) -> bool:
    return kind == _EXIF or (kind in _TEXTS and data.startswith(_EXIF_AS_TEXT, start))


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind of each chunk, and where its content begins and ends; the last is the end of the picture.

    Raises:
        ValueError: the file ends before.
    """
    at, kind = len(PNG_SIGNATURE), b""
    while kind != _END:
        if at + _OTHER_BYTES > len(data):
            raise ValueError(f"expected chunks up to {_END.decode()}; the file ends at byte {len(data):,}")
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + _OTHER_BYTES + length > len(data):
            raise ValueError(
                f"the chunk {kind!r} at byte {at:,} claims {counted(length, 'byte')}; the file has "
                f"{len(data) - at - 12:,} more"
            )
        yield kind, at + 8, at + 8 + length
        at += _OTHER_BYTES + length

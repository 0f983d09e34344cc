"""PNG files of a palette as the indices that they store, which no decoder of photographs gives."""

import struct
import zlib
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _INDEXED = 0, 3
_PALETTE = (b"PLTE", b"tRNS", b"bKGD", b"hIST")


def palette_bits(data: bytes) -> int | None:
    """The bits of an index of a PNG with a palette; None for any other file."""
    if not data.startswith(_SIGNATURE) or len(data) < 26 or data[25] != _INDEXED:
        return None
    return data[24]


def indices_as_grey(data: bytes) -> bytes:
    """A PNG with a palette as a grey one whose values are the indices; those of fewer than 8 bits come scaled to 8.

    Args:
        data: a file of which `palette_bits` gives a number.

    Raises:
        struct.error: the file is cut short.
        ValueError: it is damaged.
    """
    parts = [_SIGNATURE]
    for kind, content in _chunks(data):
        if kind == b"IHDR":
            content = content[:9] + bytes([_GREY]) + content[10:]
        if kind not in _PALETTE:
            parts.append(
                struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
            )
    return b"".join(parts)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        content = data[at + 8 : at + 8 + length]
        (check,) = struct.unpack_from(">I", data, at + 8 + length)
        if check != zlib.crc32(kind + content):
            raise ValueError(f"the chunk {kind!r} is damaged")
        yield kind, content
        at += 12 + length

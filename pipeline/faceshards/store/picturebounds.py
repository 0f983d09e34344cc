"""What a JPEG or PNG file claims, held against the picture that is expected, before a decoder takes memory for it.

Layouts: PNG (ISO/IEC 15948, 5.3 and 11.2.2), JPEG (ITU-T T.81, B.1 and B.2.2).
"""

from faceshards.counted import counted
from faceshards.picturemarks import JPEG_ALONE, JPEG_FRAMES, PNG_SIGNATURE

_PNG_CHUNK = 12  # bytes of length, type and checksum


def refuse_larger(file: bytes, pixels: int) -> None:
    """See that a file is a picture of so many pixels, whose parts lie within it; else a ValueError.

    Args:
        file: the whole file.
        pixels: height times width that are expected, however it is turned.
    """
    size = _png_pixels(file) if file.startswith(PNG_SIGNATURE) else _jpeg_pixels(file)
    if size != pixels:
        raise ValueError(f"a picture of {size} pixels, where {pixels} are expected")


def _png_pixels(file: bytes) -> int:
    at = len(PNG_SIGNATURE)
    if file[at + 4 : at + 8] != b"IHDR":
        raise ValueError("a PNG without a header")
    width, height = int.from_bytes(file[16:20], "big"), int.from_bytes(file[20:24], "big")
    while at < len(file):
        length, kind = int.from_bytes(file[at : at + 4], "big"), file[at + 4 : at + 8]
        if at + _PNG_CHUNK + length > len(file):
            raise ValueError(f"a PNG whose chunk {kind!r} claims {counted(length, 'byte')} and ends before")
        if kind == b"acTL":
            raise ValueError("a PNG of several frames")
        at += _PNG_CHUNK + length
        if kind == b"IEND":
            break
    return width * height


def _jpeg_pixels(file: bytes) -> int:
    at, end = 2, len(file) - 8
    while at < end and file[at] == 0xFF:
        marker = file[at + 1]
        if marker in JPEG_FRAMES:
            return (file[at + 5] << 8 | file[at + 6]) * (file[at + 7] << 8 | file[at + 8])
        if marker == 0xFF:
            at += 1
        elif marker in JPEG_ALONE:
            at += 2
        else:
            at += 2 + (file[at + 2] << 8 | file[at + 3])
    raise ValueError("no PNG, and no JPEG whose header can be read")

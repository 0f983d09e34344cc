"""Encoded images to pixels, safely: the header is believed only within limits, damage is an error, ids stay ids."""

import re
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from faceshards.counted import counted
from faceshards.errors import BadSampleError
from faceshards.faulttext import is_shortage, says_shortage
from faceshards.records import UInt8Array
from faceshards.regions import IGNORE
from faceshards.source.flatareas import FEW_COLOURS, has_flat_areas
from faceshards.source.heif import decode_heif, is_turned_by_boxes, turned
from faceshards.source.imageheader import ImageHeader, read_header
from faceshards.source.pictures import FIRST_BYTES, picture_format
from faceshards.source.pngfile import bare_png, has_exif, indices_as_grey, is_png, palette_bits
from faceshards.source.said import said
from faceshards.source.tiffheader import read_tiff, with_alpha_apart

MAX_PIXELS = 64 * 2**20
"""The most pixels an image may claim; 64 Mpx decode to 192 MiB."""

_WORK_BYTES = 12
"""A pixel: what it is decoded to, and what a library has beside it meanwhile."""

_FREE_PIXELS = 2**20
_MOST_PIXELS_A_BYTE = 8 * 1032
"""The most that deflate packs: 1,032 bytes of 8 pixels. Denser codecs reach it with flat areas alone. Pictures of no
more than `_FREE_PIXELS` may be denser."""
_PIXELS_A_BYTE = dict.fromkeys(("jpeg", "jp2", "avif", "heic"), 512)
"""Of JPEG: a bit for 8x8 pixels is its shortest code. The others pack photographs no denser than it packs nothing."""

_LOST = re.compile(r"premature|bad huffman|found marker|unsupported marker|jpeg datastream|unable to decompress", re.I)
"""What libjpeg says of a file of which some pixels are not as they were."""


_TURNED = range(2, 9)
"""EXIF's orientations of a picture that does not lie as it is stored."""


class Picture(NamedTuple):
    """A decoded picture.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        remark: what a person should know of the file: a code, a colon and a sentence, as in a manifest's `reason`;
            None where there is nothing to say.
    """

    pixels: UInt8Array
    remark: str | None


def decode_image(data: bytes, what: str) -> UInt8Array:
    """Decode a picture file to (H, W, 3) uint8 RGB; see `decode_picture`, of which this gives the pixels alone.

    Raises:
        BadSampleError: as `decode_picture`.

    Example:
        >>> decode_image(Path("face.jpg").read_bytes(), "face.jpg").shape
        (512, 512, 3)
    """
    return decode_picture(data, what).pixels


def decode_picture(data: bytes, what: str) -> Picture:
    """Decode a PNG, JPEG, WebP, BMP, PBM, PGM, PPM, GIF, TIFF, JPEG 2000, AVIF or HEIC file to RGB.

    Grey images repeat their channel; alpha is dropped and the stored colour kept (what a GIF leaves out has its
    background's); 16-bit channels keep their upper 8 bits; an orientation in the file is applied, so pixels lie as
    every viewer shows them. Of several pictures in a file the first is taken, with the remark ``first_frame``. What a
    decoder notices and passes over becomes the remark ``damaged``. ICC profiles are ignored. HEIC takes the extra
    ``heic``.

    Args:
        data: the encoded file.
        what: what to call it in an error, such as its `SourceFace.source_id`.

    Raises:
        BadSampleError: ``"unknown_image_format"``, ``"image_too_large"`` (more than `MAX_PIXELS`, or than the file's
            bytes can hold), ``"unreadable_image"`` (of a kind that is not read), ``"undecodable_image"`` (truncated or
            damaged), ``"label_map"`` (flat areas of a few colours: no photograph), or ``"missing_extra"``.

    Example:
        >>> decode_picture(Path("dance.gif").read_bytes(), "dance.gif").remark
        'first_frame: its first picture was taken, of 24 or more'
    """
    header = _checked_header(data, what)
    if header.fault is not None:
        raise BadSampleError("unreadable_image", f"{what}: {header.format}: {header.fault}")
    heard: list[str] = []
    pixels = _decode_by_format(data, header.format, what, heard)
    if header.few and has_flat_areas(pixels):
        raise BadSampleError(
            "label_map",
            f"{what}: flat areas of at most {FEW_COLOURS} colours, as a label map has; expected a photograph",
        )
    remarks = [f"first_frame: its first picture was taken, of {header.frames} or more"] if header.frames > 1 else []
    # Other libraries say some things once a process, so that a file would have the remark by chance.
    remarks += [f"damaged: its decoder says: {heard[0]}"] if heard and header.format == "jpeg" else []
    return Picture(pixels, "\n".join(remarks) or None)


def is_turned(data: bytes, what: str) -> bool:
    """Whether a picture is shown turned or mirrored, by EXIF in the file or by the boxes of AVIF and HEIC.

    Args:
        data: the encoded file.
        what: what to call it in an error.

    Raises:
        BadSampleError: as `decode_image`.

    Example:
        >>> is_turned(Path("upright.jpg").read_bytes(), "upright.jpg")
        False
    """
    header = _checked_header(data, what)
    if header.format == "tiff":  # which OpenCV turns in any case
        return read_tiff(data).orientation in _TURNED
    if header.format in ("avif", "heic"):
        return is_turned_by_boxes(data)
    try:
        # Of a PNG some thousand bytes are looked at; what pixels are packed to may spell anything.
        if not (has_exif(data) if is_png(data) else b"Exif" in data or b"EXIF" in data):
            return False
    except ValueError as error:
        raise BadSampleError("undecodable_image", f"{what}: truncated or damaged: {error}") from error
    stored = _decode(data, what, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    return not np.array_equal(stored, _decode(data, what, cv2.IMREAD_COLOR_RGB))


def decode_labels(data: bytes, what: str, *, palette: bool = False) -> UInt8Array:
    """Decode an image whose values are class ids.

    Only 8-bit grey is taken, and no lossy format: any other pixel format would need a conversion, and a conversion
    changes ids without a word.

    Args:
        data: the encoded file, PNG or PGM.
        what: what to call it in an error.
        palette: take a PNG with a palette too; its ids are the indices, whatever colours they have.

    Returns:
        (H, W) uint8, the stored values.

    Raises:
        BadSampleError: as `decode_image`, and ``"not_a_label_image"``.
    """
    header = _checked_header(data, what)
    bits = palette_bits(data) if palette else None
    if bits is not None:
        try:
            grey = indices_as_grey(data)
        except ValueError as error:
            raise BadSampleError("undecodable_image", f"{what}: cut short or damaged; {error}") from error
        return _grey(grey, what) // np.uint8(255 // (2**bits - 1))
    if not header.grey8 or header.format not in ("png", "pnm"):
        raise BadSampleError(
            "not_a_label_image",
            f"{what}: expected class ids as an 8-bit grey PNG or PGM without palette; found another kind of "
            f"{header.format}; save the ids again as 8-bit grey",
        )
    return _grey(data, what)


def decode_mask(data: bytes, what: str) -> NDArray[np.bool_]:
    """Decode an image that shows where one class is, by any colour but black.

    Args:
        data: the encoded file, of any format but HEIC.
        what: what to call it in an error.

    Returns:
        (H, W) bool.

    Raises:
        BadSampleError: as `decode_image`.
    """
    _checked_header(data, what)
    pixels = _decode(data, what, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    found: NDArray[np.bool_] = pixels.max(axis=2) > 0
    return found


def _grey(data: bytes, what: str) -> UInt8Array:
    return _decode(data, what, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)


def check_class_ids(labels: UInt8Array, n_classes: int, what: str) -> UInt8Array:
    """Return labels whose every value is a class id below `n_classes`, or 255 (ignore).

    Args:
        labels: (H, W) uint8.
        n_classes: how many classes the scheme has.
        what: what to call the labels in an error.

    Raises:
        BadSampleError: ``"unknown_class_id"``.
    """
    surplus = np.flatnonzero(np.bincount(labels.ravel(), minlength=IGNORE + 1)[n_classes:IGNORE])
    if surplus.size:
        ids = ", ".join(str(n_classes + i) for i in surplus[:5])
        raise BadSampleError(
            "unknown_class_id", f"{what}: expected class ids 0-{n_classes - 1} and {IGNORE}; found {ids}"
        )
    return labels


def _checked_header(data: bytes, what: str) -> ImageHeader:
    header = read_header(data)
    if header is None:
        named = picture_format(data[:FIRST_BYTES])
        raise BadSampleError(
            "unknown_image_format",
            f"{what}: expected PNG, JPEG, WebP, BMP, PBM, PGM, PPM, GIF, TIFF, JPEG 2000, AVIF or HEIC; found "
            + ("an empty file" if not data else f"{counted(len(data), 'byte')} beginning {data[:8]!r}")
            + ("" if named is None else f": {named}, damaged or of a kind that is not read"),
        )
    pixels = header.pixels
    if not 0 < pixels <= MAX_PIXELS:
        raise BadSampleError(
            "image_too_large" if pixels > 0 else "undecodable_image",
            f"{what}: its {header.format} header claims {header.width} x {header.height} pixels; "
            f"expected between 1 and {MAX_PIXELS:,} in all",
        )
    if pixels > _FREE_PIXELS + _PIXELS_A_BYTE.get(header.format, _MOST_PIXELS_A_BYTE) * len(data):
        raise BadSampleError(
            "image_too_large",
            f"{what}: its {header.format} header claims {header.width} x {header.height} pixels; its {len(data):,} "
            "bytes hold no picture of that size",
        )
    return header


def _decode_by_format(data: bytes, format: str, what: str, heard: list[str] | None = None) -> UInt8Array:
    if format == "heic":
        return decode_heif(data, what, MAX_PIXELS)
    if format == "avif":
        # With alpha, OpenCV takes IMREAD_COLOR_RGB for BGR; and it turns by EXIF, which does not count here.
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        return turned(_decode(data, what, flags)[..., ::-1], data)
    # OpenCV would multiply the colours by the alpha.
    return _decode(with_alpha_apart(data) if format == "tiff" else data, what, cv2.IMREAD_COLOR_RGB, heard)


def is_label_map(data: bytes) -> bool:
    """Whether a picture of any kind is made of flat areas of a few colours, also where they are RGB.

    `decode_image` takes RGB ones, for some drawings are so; where all pictures of a folder are, they are label maps.

    Args:
        data: the encoded file.
    """
    header = read_header(data)
    if header is None or header.format == "jpeg" or not 0 < header.pixels <= MAX_PIXELS:
        return False
    try:
        return has_flat_areas(_decode_by_format(data, header.format, "the picture"))
    except BadSampleError:
        return False


def _decode(data: bytes, what: str, flags: int, heard: list[str] | None = None) -> UInt8Array:
    """Decode by OpenCV; what its libraries say and do not take for an error is appended to `heard`."""
    try:
        data = bare_png(data) if is_png(data) else data
    except ValueError as error:
        raise BadSampleError("undecodable_image", f"{what}: truncated or damaged: {error}") from error
    with said() as lines:
        try:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        except cv2.error as error:
            if is_shortage(error):
                raise
            # Its text begins with where the library was built.
            raise BadSampleError("undecodable_image", f"{what}: {error.err or 'OpenCV cannot read it'}") from error
    if pixels is None:
        _see_room(data, what, lines)
        raise BadSampleError("undecodable_image", f"{what}: {counted(len(data), 'byte')}, truncated or damaged")
    if (lost := next(filter(_LOST.search, lines), None)) is not None:
        raise BadSampleError("undecodable_image", f"{what}: a part of the picture is missing or damaged: {lost}")
    if heard is not None:
        heard += lines
    return np.asarray(pixels, np.uint8)


def _see_room(data: bytes, what: str, lines: list[str]) -> None:
    """Raise a MemoryError where there is no room for a picture: some libraries then say what they say of damage."""
    if (short := next(filter(says_shortage, lines), None)) is not None:
        raise MemoryError(f"{what}: {short}")
    if (header := read_header(data)) is not None:
        np.empty((header.pixels, _WORK_BYTES), np.uint8)

"""Encoded images to pixels, safely: the header is believed only within limits, damage is an error, ids stay ids."""

import cv2
import numpy as np

from faceshards.errors import BadSampleError
from faceshards.records import UInt8Array
from faceshards.regions import IGNORE
from faceshards.source.imageheader import ImageHeader, read_header

MAX_PIXELS = 64 * 2**20
"""The most pixels an image may claim; 64 Mpx decode to 192 MiB."""


def decode_image(data: bytes, what: str) -> UInt8Array:
    """Decode a PNG, JPEG, WebP, BMP, PGM or PPM file to RGB.

    Grey images repeat their channel; alpha is dropped and the stored colour kept; 16-bit channels keep their upper
    8 bits; an EXIF orientation is applied, so pixels lie as every viewer shows them. ICC profiles are ignored.

    Args:
        data: the encoded file.
        what: what to call it in an error, such as its `SourceFace.source_id`.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        BadSampleError: ``"unknown_image_format"``, ``"image_too_large"`` (more than `MAX_PIXELS`) or
            ``"undecodable_image"`` (truncated or damaged).
    """
    _checked_header(data, what)
    return _decode(data, what, cv2.IMREAD_COLOR_RGB)


def decode_labels(data: bytes, what: str) -> UInt8Array:
    """Decode an image whose values are class ids.

    Only 8-bit grey is taken, and no lossy format: any other pixel format would need a conversion, and a conversion
    changes ids without a word.

    Args:
        data: the encoded file, PNG or PGM.
        what: what to call it in an error.

    Returns:
        (H, W) uint8, the stored values.

    Raises:
        BadSampleError: as `decode_image`, and ``"not_a_label_image"``.
    """
    header = _checked_header(data, what)
    if not header.grey8 or header.format not in ("png", "pnm"):
        raise BadSampleError(
            "not_a_label_image",
            f"{what}: expected class ids as an 8-bit grey PNG or PGM without palette; found another kind of "
            f"{header.format}; save the ids again as 8-bit grey",
        )
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
        raise BadSampleError(
            "unknown_image_format",
            f"{what}: expected PNG, JPEG, WebP, BMP, PGM or PPM; found {len(data):,} bytes beginning {data[:8]!r}",
        )
    pixels = header.width * header.height
    if not 0 < pixels <= MAX_PIXELS:
        raise BadSampleError(
            "image_too_large" if pixels > 0 else "undecodable_image",
            f"{what}: its {header.format} header claims {header.width} x {header.height} pixels; "
            f"expected between 1 and {MAX_PIXELS:,} in all",
        )
    return header


def _decode(data: bytes, what: str, flags: int) -> UInt8Array:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise BadSampleError("undecodable_image", f"{what}: {error}") from error
    if pixels is None:
        raise BadSampleError("undecodable_image", f"{what}: {len(data):,} bytes that are truncated or damaged")
    return np.asarray(pixels, np.uint8)

"""HEIC photographs, as iPhones take them, by the package pillow-heif; and how those and AVIF say which side is up."""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from faceshards.errors import BadSampleError
from faceshards.faulttext import is_shortage
from faceshards.records import UInt8Array


def decode_heif(data: bytes, what: str, most: int) -> UInt8Array:
    """Decode the primary picture of a HEIC file, turned as the file says.

    Args:
        data: the encoded file.
        what: what to call it in an error.
        most: pixels that it may have.

    Returns:
        (H, W, 3) uint8 RGB; channels of more bits keep their upper 8, and alpha is dropped.

    Raises:
        BadSampleError: ``"missing_extra"``, ``"image_too_large"``, or ``"undecodable_image"``.

    Example:
        >>> decode_heif(Path("IMG_0001.HEIC").read_bytes(), "IMG_0001.HEIC", 2**26).shape
        (4032, 3024, 3)
    """
    try:
        heif = import_module("pillow_heif")
    except ImportError as error:
        raise BadSampleError(
            "missing_extra",
            f"{what}: a HEIC photograph needs an extra: pip install 'faceshards[heic]', then dvc repro --force "
            "--single-item align, and dvc repro",
        ) from error
    try:
        file = heif.open_heif(data, convert_hdr_to_8bit=True)
        # Nothing is decoded yet; the boxes that `read_header` looks at may say less.
        width, height = file.size
        if width * height > most:
            raise BadSampleError(
                "image_too_large", f"{what}: expected at most {most:,} pixels; found {width} x {height}"
            )
        pixels = np.asarray(file)
    except BadSampleError:
        raise
    except Exception as error:  # what it raises on damage is of many classes
        if is_shortage(error):
            raise
        raise BadSampleError("undecodable_image", f"{what}: {error}") from error
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    return np.ascontiguousarray(pixels[..., :3], np.uint8)


def heif_version() -> str | None:
    """The version of pillow-heif; None where it is not installed."""
    try:
        return version("pillow-heif")
    except PackageNotFoundError:
        return None


def turned(pixels: UInt8Array, data: bytes) -> UInt8Array:
    """Turn the pixels of an AVIF file as its boxes ``irot`` and ``imir`` say (ISO/IEC 23008-12); EXIF does not count.

    Args:
        pixels: (H, W, 3) as stored.
        data: the file.

    Returns:
        (H, W, 3) or (W, H, 3), as every viewer shows it.

    Example:
        >>> turned(stored, Path("face.avif").read_bytes())
    """
    quarters, axis = _turns(data)
    pixels = np.rot90(pixels, quarters)
    if axis is not None:
        pixels = pixels[:, ::-1] if axis & 1 else pixels[::-1]
    return np.ascontiguousarray(pixels)


def is_turned_by_boxes(data: bytes) -> bool:
    """Whether an AVIF or HEIC file is shown turned or mirrored by these boxes."""
    return _turns(data) != (0, None)


def _turns(data: bytes) -> tuple[int, int | None]:
    """How many quarters a picture is turned, against the clock, and by which axis it is then mirrored, if by any."""
    head = data[: max(data.find(b"mdat"), 0) or len(data)]
    quarters, axis = (_value(head, box) for box in (b"\0\0\0\x09irot", b"\0\0\0\x09imir"))
    return (quarters or 0) & 3, axis


def _value(data: bytes, box: bytes) -> int | None:
    at = data.find(box)
    return None if at < 0 or at + len(box) >= len(data) else data[at + len(box)]

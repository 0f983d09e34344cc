"""Faces that stay the JPEG or PNG files that they came as: what the profile `source` keeps.

OpenCV decodes them, which also decoded them as the source: the same bytes give the same pixels. It is imported where a
file is decoded or made, so that a trainer of any other store never loads it.
"""

from collections.abc import Sequence
from functools import cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceshards.counted import counted
from faceshards.errors import MissingExtraError, StoreSpecError
from faceshards.faulttext import is_shortage
from faceshards.picturemarks import JPEG_START, PNG_SIGNATURE
from faceshards.records import UInt8Array
from faceshards.store.picturebounds import refuse_larger

_KEPT_AS_THEY_ARE = (JPEG_START, PNG_SIGNATURE)


class EncodedImages:
    """n images as files, for an array of a store that keeps files (`codecs.keeps_files`).

    `of` makes them from pixels, and `Store.read_files` reads them from a store::

        images = EncodedImages.of(pixels, [jpeg, None])  # (2, 112, 112, 3) uint8; the second becomes a PNG
        write_shard(work, spec, "train", 0, {"image": images}, rows)

    Args:
        files: one JPEG or PNG file an image, each of which decodes to `shape`.
        shape: of one image: (H, W, 3).

    Attributes:
        files: as given.
        shape: (n, H, W, 3), as of the pixels.
        dtype: uint8, as of the pixels.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, files: Sequence[bytes], shape: tuple[int, ...]) -> None:
        self.files = tuple(files)
        self.shape = (len(self.files), *shape)

    def __len__(self) -> int:
        return len(self.files)

    @classmethod
    def of(cls, pixels: UInt8Array, files: Sequence[bytes | None]) -> "EncodedImages":
        """Keep each file that is a JPEG or PNG of its pixels; other pixels become a PNG, which loses nothing.

        Args:
            pixels: (n, H, W, 3) RGB; what a reader will get.
            files: n encoded images as the source has them; None where the pixels are not those of a file.

        Raises:
            StoreSpecError: there are not as many files as images.
            MissingExtraError: OpenCV is not installed.
        """
        if len(files) != len(pixels):
            raise StoreSpecError(
                f"expected a file or None for each of {counted(len(pixels), 'image')}, found {len(files)}"
            )
        kept = (_faithful(image, file) for image, file in zip(pixels, files, strict=True))
        return cls(list(kept), pixels.shape[1:])

    def only(self, kept: NDArray[np.bool_]) -> "EncodedImages":
        """The same, but black where a row is not kept.

        Args:
            kept: (n,) whether it is.

        Raises:
            MissingExtraError: OpenCV is not installed.
        """
        black = png_of(np.zeros(self.shape[1:], np.uint8))
        files = [file if keep else black for file, keep in zip(self.files, kept.tolist(), strict=True)]
        return EncodedImages(files, self.shape[1:])

    def pixels(self) -> UInt8Array:
        """(n, H, W, 3) uint8 RGB.

        Raises:
            ValueError: a file does not decode to its shape.
            MissingExtraError: OpenCV is not installed.
        """
        out = np.empty(self.shape, np.uint8)
        for file, to in zip(self.files, out, strict=True):
            decode_to(np.frombuffer(file, np.uint8), to)
        return out


def load_decoder() -> None:
    """Import what decodes, in good time: workers that are forked later share it.

    Raises:
        MissingExtraError: OpenCV is not installed, or is too old.
    """
    _cv2()


def decode_to(file: UInt8Array, out: UInt8Array) -> None:
    """Decode an image file to RGB.

    Args:
        file: (bytes,) of the file.
        out: (H, W, 3), which the pixels are written to.

    Raises:
        ValueError: it does not decode, or to another shape.
        MissingExtraError: OpenCV is not installed.
    """
    pixels = _decoded(file, out.shape)
    if pixels.shape != out.shape:
        raise ValueError(f"an image of {pixels.shape}, where {out.shape} is expected")
    out[:] = pixels


def png_of(pixels: UInt8Array) -> bytes:
    """(H, W, 3) RGB as a PNG file, which decodes to the same.

    Raises:
        MissingExtraError: OpenCV is not installed.
    """
    _, data = _cv2().imencode(".png", np.ascontiguousarray(pixels[..., ::-1]))
    return bytes(data)


def _faithful(pixels: UInt8Array, file: bytes | None) -> bytes:
    if file is not None and file.startswith(_KEPT_AS_THEY_ARE):
        try:
            if np.array_equal(_decoded(np.frombuffer(file, np.uint8), pixels.shape), pixels):
                return file
        except ValueError:
            pass
    return png_of(pixels)


def _decoded(file: UInt8Array, shape: tuple[int, ...]) -> UInt8Array:
    cv2 = _cv2()
    refuse_larger(file.tobytes(), prod(shape[:2]))
    try:
        pixels: UInt8Array | None = cv2.imdecode(file, cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        if is_shortage(error):
            raise
        raise ValueError(f"an image that OpenCV refuses: {error}") from error
    if pixels is None:
        raise ValueError(f"no image that OpenCV can decode: {counted(len(file), 'byte')}")
    return pixels


@cache
def _cv2() -> Any:
    try:
        import cv2

        _ = cv2.IMREAD_COLOR_RGB
    except (ImportError, AttributeError) as error:
        raise MissingExtraError(
            f"a store of the profile 'source' holds JPEG and PNG files, which OpenCV decodes: "
            f"pip install 'faceshards[jpeg]' ({error})"
        ) from error
    return cv2

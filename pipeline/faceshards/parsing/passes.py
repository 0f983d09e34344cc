"""What all parsers share: what they take, and how they run it in parts."""

from collections.abc import Callable

import numpy as np
import torch

from faceshards.errors import DeviceError, ParserError
from faceshards.parsing.unet import SIZE
from faceshards.records import UInt8Array


def check_faces(images: UInt8Array) -> None:
    """Check that these are aligned faces, (B, 112, 112, 3) uint8.

    Raises:
        ParserError: they are not.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (SIZE, SIZE, 3):
        raise ParserError(
            f"expected aligned faces, uint8 (B, {SIZE}, {SIZE}, 3) RGB; found {images.dtype} {images.shape}"
        )


def in_shrinking_batches(
    run: Callable[[UInt8Array], UInt8Array], images: UInt8Array, batch: int
) -> tuple[UInt8Array, int]:
    """Run over all images, halving the batch whenever the device's memory does not hold it.

    Returns:
        The results, and the batch size that fitted.

    Raises:
        DeviceError: not even one image fits.
    """
    done = [np.empty((0, SIZE, SIZE), np.uint8)]
    start = 0
    while start < len(images):
        try:
            done.append(run(images[start : start + batch]))
        except torch.OutOfMemoryError as error:
            if batch == 1:
                raise DeviceError(f"the device's memory does not hold one face: {error}; use device: cpu") from error
            batch //= 2
            torch.cuda.empty_cache()
        else:
            start += batch
    return np.concatenate(done), batch

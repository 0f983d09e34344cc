"""What all parsers share: what they take, and how they run it in parts."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch

from faceshards.errors import DeviceError, ParserError
from faceshards.parsing.unet import SIZE
from faceshards.records import UInt8Array

_log = logging.getLogger(__name__)


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
    """Run over all images in batches of one size, which is halved, with a warning, when memory does not hold it.

    The last batch is filled up with black faces, so that what comes of a face does not hang on how many there are.

    Args:
        run: a full batch to its results, (batch, L, 112, 112) uint8.
        images: (N, 112, 112, 3) uint8.
        batch: faces in a pass.

    Returns:
        The results, (N, L, 112, 112) uint8, and the batch size that fitted.

    Raises:
        DeviceError: not even one image fits.
    """
    done: list[UInt8Array] = []
    start = 0
    while start < len(images) or not done:
        part = images[start : start + batch]
        try:
            done.append(run(filled_up(part, batch))[: len(part)])
        except torch.OutOfMemoryError as error:
            batch = halved(batch, error)
            torch.cuda.empty_cache()
        else:
            start += batch
    return np.concatenate(done), batch


def halved(batch: int, error: torch.OutOfMemoryError) -> int:
    """Half of a batch that did not fit, and a warning that the device goes on with that.

    Raises:
        DeviceError: it was one face.
    """
    if batch == 1:
        raise DeviceError(f"the device's memory does not hold one face: {error}; use device: cpu") from error
    _log.warning(
        "the device's memory does not hold %d faces at once; the parser goes on with %d. Some pixels in a million may "
        "differ from those of passes of %d: for the same bytes free memory of the device, or take a larger one",
        batch,
        batch // 2,
        batch,
    )
    return batch // 2


def filled_up(images: UInt8Array, batch: int) -> UInt8Array:
    """(batch, 112, 112, 3) uint8: the images, and black ones behind them."""
    full = np.zeros((batch, SIZE, SIZE, 3), np.uint8)
    full[: len(images)] = images
    return full


class FixedPasses:
    """Runs over images on the CPU so that a face's regions depend on that face alone.

    The order in which floats are summed depends on batch size and number of threads, and with it, once in a million
    pixels, the region. So every pass has one batch size, filled up with black faces, and one thread, and threads share
    out whole passes.

    Args:
        batch: images a pass.
        threads: passes in work at once.
    """

    def __init__(self, batch: int, threads: int) -> None:
        self._batch = batch
        self._pool = ThreadPoolExecutor(threads, "parser", initializer=torch.set_num_threads, initargs=(1,))

    def __call__(self, run: Callable[[UInt8Array, int], UInt8Array], images: UInt8Array) -> UInt8Array:
        """Run over all images.

        Args:
            run: a full batch, and of how many of its first images the result is wanted, to (n, L, 112, 112) uint8.
            images: (N, 112, 112, 3) uint8.

        Returns:
            (N, L, 112, 112) uint8.
        """
        parts = [images[i : i + self._batch] for i in range(0, max(1, len(images)), self._batch)]
        layers = list(self._pool.map(partial(self._filled_up, run), parts))
        # PyTorch took the pool's one thread as the default of threads to come; back to what this one has.
        torch.set_num_threads(torch.get_num_threads())
        return np.concatenate(layers)

    def _filled_up(self, run: Callable[[UInt8Array, int], UInt8Array], images: UInt8Array) -> UInt8Array:
        return run(filled_up(images, self._batch), len(images))

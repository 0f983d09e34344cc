"""In which order an epoch visits the samples, and which variant each visit sees: pure functions of seed and epoch."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from faceshards.errors import ParamsError
from faceshards.rng import fold, sample_keys, words

_ORDER, _VARIANT = 1, 2  # streams, so that the two draws of one seed have nothing to do with each other


def epoch_order(n: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """A permutation of ``0 .. n - 1``, another one for every (seed, epoch).

    Returns:
        (n,) int64.

    Raises:
        ParamsError: seed or epoch is negative.
    """
    _refuse_negative(seed, epoch)
    return np.argsort(words(fold(seed, _ORDER, epoch), n), kind="stable")


def variant_choice(sample_ids: Iterable[str], variants: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """The one of K variants that each sample shows in an epoch, whatever batch or worker it comes in.

    Returns:
        int64 in 0 .. `variants` - 1, one a sample.

    Raises:
        ParamsError: seed or epoch is negative.
    """
    _refuse_negative(seed, epoch)
    keys = fold(sample_keys(sample_ids), seed, _VARIANT, epoch)
    return (words(keys, 1)[:, 0] % np.uint64(variants)).astype(np.int64)


def _refuse_negative(seed: int, epoch: int) -> None:
    if seed < 0 or epoch < 0:
        raise ParamsError(f"seed and epoch must be 0 or more, got seed={seed}, epoch={epoch}")

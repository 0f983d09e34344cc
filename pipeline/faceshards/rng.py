"""Counter-based random words: a pure function of (seed, sample, variant, stream), never of call order.

The generator is SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) used as a counter: word ``i`` of a key is
``mix(key + (i + 1) * GAMMA)``. It vectorises over samples and words alike, so one draw and a million draws are the
same bits, with one worker or many.
"""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

UInt64Array = NDArray[np.uint64]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def _mix(z: UInt64Array) -> UInt64Array:
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return z ^ (z >> np.uint64(31))


def words(key: ArrayLike, n: int, start: int = 0) -> UInt64Array:
    """Words ``start .. start + n`` of each key.

    Args:
        key: any shape S, uint64, from `fold`.
        n: how many words a key.
        start: the first word's index.

    Returns:
        S + (n,) uint64, uniform over all 64 bits.
    """
    key = np.asarray(key, np.uint64)
    index = np.arange(start + 1, start + n + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        return _mix(key[..., None] + index * _GAMMA)


def fold(key: ArrayLike, *parts: ArrayLike) -> UInt64Array:
    """Fold further coordinates (variant, epoch, stream, ...) into keys; all broadcast against each other.

    Returns:
        uint64 keys, for `words`, `uniforms` and further folding. ``fold(fold(k, a), b) == fold(k, a, b)``.
    """
    out = np.asarray(key, np.uint64)
    with np.errstate(over="ignore"):
        for part in parts:
            out = _mix(out + _mix((np.asarray(part).astype(np.uint64) + np.uint64(1)) * _GAMMA))
    return out


def uniforms(key: ArrayLike, n: int, start: int = 0) -> NDArray[np.float64]:
    """Like `words`, as float64 in [0, 1) with 53 random bits."""
    return (words(key, n, start) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def sample_keys(sample_ids: Iterable[str] | Sequence[str]) -> UInt64Array:
    """The key of each sample: the first eight bytes, little-endian, of BLAKE2b of its UTF-8 id. (N,) uint64."""
    digests = b"".join(hashlib.blake2b(s.encode(), digest_size=8).digest() for s in sample_ids)
    return np.frombuffer(digests, "<u8").astype(np.uint64)

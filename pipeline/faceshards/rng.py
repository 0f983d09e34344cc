"""Counter-based random words: a pure function of (seed, sample, variant, stream), never of call order.

The generator is SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) used as a counter: word ``i`` of a key is
``mix(key + (i + 1) * GAMMA)``. It vectorises over samples and words alike, so one draw and a million draws are the
same bits, with one worker or many.
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

UInt64Array = NDArray[np.uint64]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)

_wrapping = np.errstate(over="ignore")  # arithmetic modulo 2**64 is what the generator is made of


def _mix(z: UInt64Array) -> UInt64Array:
    """The generator's output function; what it is given is overwritten where it is an array."""
    z ^= z >> np.uint64(30)
    z *= _MIX_1
    z ^= z >> np.uint64(27)
    z *= _MIX_2
    z ^= z >> np.uint64(31)
    return z


@_wrapping
def word_at(key: ArrayLike, index: ArrayLike) -> UInt64Array:
    """Word number `index` of each key; both broadcast against each other. uint64, uniform over all 64 bits."""
    return _mix(np.asarray(skip(key, index) + _GAMMA))


@_wrapping
def skip(key: ArrayLike, n: ArrayLike) -> UInt64Array:
    """Keys whose word ``i`` is word ``i + n`` of each key, `n` negative too; both broadcast against each other."""
    return np.asarray(key, np.uint64) + np.asarray(n).astype(np.uint64) * _GAMMA


def words(key: ArrayLike, n: int) -> UInt64Array:
    """The first `n` words of each key: keys of any shape S give S + (n,) uint64."""
    return word_at(np.asarray(key, np.uint64)[..., None], np.arange(n))


def octets(keys: UInt64Array, number: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The first bytes of each key's words, so many of each, one key after the other.

    Args:
        keys: (B,).
        number: (B,) bytes of each.

    Returns:
        (sum of `number`,) uint8: the bytes of the words as on a little-endian machine, whatever this one is.
    """
    n_words = -(-number // 8)
    begin = n_words.cumsum() - n_words
    drawn = word_at(skip(keys, -begin).repeat(n_words), np.arange(n_words.sum()))
    in_bytes = drawn.astype("<u8", copy=False).view(np.uint8)
    parts = zip((8 * begin).tolist(), number.tolist(), strict=True)
    return np.concatenate([in_bytes[:0], *(in_bytes[first : first + n] for first, n in parts)])


@_wrapping
def fold(key: ArrayLike, *parts: ArrayLike) -> UInt64Array:
    """Fold further coordinates (variant, epoch, stream, ...) into keys; all broadcast against each other.

    Returns:
        uint64 keys, for `words`, `uniforms` and further folding. ``fold(fold(k, a), b) == fold(k, a, b)``.
    """
    out = np.asarray(key, np.uint64)
    for part in parts:
        word = _first_word(part) if isinstance(part, int) else word_at(0, part)
        out = _mix(np.asarray(out + word))
    return out


@lru_cache(maxsize=256)
def _first_word(part: int) -> np.uint64:
    """``word_at(0, part)``: of the same few seeds, epochs and streams, over and over."""
    return np.uint64(word_at(0, part))


def uniforms(key: ArrayLike, n: int) -> NDArray[np.float64]:
    """Like `words`, as float64 in [0, 1) with 53 random bits."""
    return (words(key, n) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def sample_keys(sample_ids: Iterable[str] | Sequence[str]) -> UInt64Array:
    """The key of each sample: the first eight bytes, little-endian, of BLAKE2b of its UTF-8 id. (N,) uint64."""
    digests = b"".join(hashlib.blake2b(s.encode(), digest_size=8).digest() for s in sample_ids)
    return np.frombuffer(digests, "<u8").astype(np.uint64)

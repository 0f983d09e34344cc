"""In which order an epoch visits the samples, and what is drawn for each visit: pure functions of seed and epoch."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from faceshards.errors import ParamsError
from faceshards.rng import UInt64Array, fold, sample_keys, uniforms, words

Uneven: TypeAlias = Literal["drop", "pad", "keep"]
"""What to do with the samples that do not divide among the ranks: leave them out, show some twice so that all ranks
have as many, or let some ranks have one more."""

# Streams, so that the draws of one seed have nothing to do with each other.
_ORDER, _VARIANT, _SHARDS, _CHUNKS, _MIX, _ERASE = range(1, 7)


@dataclass(frozen=True, slots=True)
class Shuffle:
    """A shuffle that decodes every chunk once: chunks in random order, mixed within a window that moves along.

    Attributes:
        window: samples that are mixed with one another, and about as many as are held in memory.
        shards: files that chunks are drawn from at a time; more mix better, fewer suit a slow disk or a small cache.
        lanes: batches take turns among so many streams, each with chunks and a share of the window of its own. So
            DataLoader workers, whose number should divide this, decode nothing twice, and the order does not depend on
            their number.

    Raises:
        ParamsError: one of them is below 1.
    """

    window: int = 4096
    shards: int = 64
    lanes: int = 4

    def __post_init__(self) -> None:
        if min(self.window, self.shards, self.lanes) < 1:
            raise ParamsError(f"window, shards and lanes must be 1 or more, got {self}")


@dataclass(frozen=True, slots=True)
class Places:
    """Where the samples of a split lie.

    Attributes:
        rows: (N,) int64, ascending.
        chunk_rows: rows of a chunk.
        shard_rows: rows of a shard.
    """

    rows: NDArray[np.int64]
    chunk_rows: int
    shard_rows: int


@dataclass(frozen=True, slots=True)
class Sampling:
    """Everything that decides which samples are in which batch.

    Attributes:
        batch_size: samples a batch; the last one may hold fewer.
        shuffle: False for the order of the store, True for `Shuffle`, ``"full"`` for a random permutation, which
            decodes whole chunks for single samples.
        seed: of the order and of all draws.
        epoch: likewise; to be raised by one every time the samples are gone through.
        drop_last: leave out a last batch that is not full.
        rank: this process's number among the `world_size` that share the samples.
        world_size: how many processes share them.
        uneven: see `Uneven`.

    Raises:
        ParamsError: a number is out of its range, or an unknown word.
    """

    batch_size: int
    shuffle: bool | Literal["full"] | Shuffle = False
    seed: int = 0
    epoch: int = 0
    drop_last: bool = False
    rank: int = 0
    world_size: int = 1
    uneven: Uneven = "pad"

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ParamsError(f"batch_size must be 1 or more, got {self.batch_size}")
        if not (isinstance(self.shuffle, bool | Shuffle) or self.shuffle == "full"):
            raise ParamsError(f"shuffle is True, False, 'full' or a Shuffle, not {self.shuffle!r}")
        if not 0 <= self.rank < self.world_size:
            raise ParamsError(f"rank must be 0 to world_size - 1, got rank={self.rank}, world_size={self.world_size}")
        if self.uneven not in ("drop", "pad", "keep"):
            raise ParamsError(f"uneven is drop, pad or keep, not {self.uneven!r}")
        _refuse_negative(self.seed, self.epoch)

    def order(self, places: Places) -> NDArray[np.int64]:
        """The samples that this rank visits: batch ``j`` is ``order[j * batch_size : (j + 1) * batch_size]``.

        Returns:
            int64 indices of samples.
        """
        n = len(places.rows)
        shuffle = Shuffle() if self.shuffle is True else self.shuffle
        if isinstance(shuffle, Shuffle):
            samples = _shuffled_chunks(places, shuffle.shards, self.seed, self.epoch)
        else:
            samples = epoch_order(n, self.seed, self.epoch) if shuffle else np.arange(n)
        samples = samples[self._share(n)]
        if isinstance(shuffle, Shuffle):
            samples = self._mixed(samples, shuffle)
        return samples[: len(samples) - len(samples) % self.batch_size] if self.drop_last else samples

    def identity(self) -> dict[str, Any]:
        """What must be the same for a saved position to mean the same: all but epoch and rank."""
        return {name: value for name, value in asdict(self).items() if name not in ("epoch", "rank")}

    def _share(self, n: int) -> NDArray[np.int64]:
        """Places in the epoch's order of the samples of this rank: neighbours, so that ranks share no chunks."""
        if self.uneven == "keep":
            return np.arange(self.rank * n // self.world_size, (self.rank + 1) * n // self.world_size)
        each = n // self.world_size if self.uneven == "drop" else -(-n // self.world_size)
        return np.arange(self.rank * each, (self.rank + 1) * each) % max(n, 1)

    def _mixed(self, samples: NDArray[np.int64], shuffle: Shuffle) -> NDArray[np.int64]:
        """Deal batches to lanes and neighbours to each lane, then mix within the lane."""
        lane = np.arange(len(samples)) // self.batch_size % shuffle.lanes
        out = np.empty_like(samples)
        start = 0
        for number in range(shuffle.lanes):
            places = np.flatnonzero(lane == number)
            own = samples[start : start + len(places)]
            start += len(places)
            draws = uniforms(fold(self.seed, _MIX, self.epoch, self.rank, number), len(own))
            late = np.arange(len(own)) + draws * (shuffle.window / shuffle.lanes)
            out[places] = own[np.argsort(late, kind="stable")]
        return out


def _shuffled_chunks(places: Places, shards: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """All samples, chunk by chunk: random chunks of the first `shards` random shards, then of the next, and so on."""
    chunk, start, count = np.unique(places.rows // places.chunk_rows, return_index=True, return_counts=True)
    shard = chunk * places.chunk_rows // places.shard_rows
    turn = np.argsort(epoch_order(int(shard.max(initial=-1)) + 1, seed, epoch, _SHARDS)) // shards
    order = np.lexsort((words(fold(seed, _CHUNKS, epoch), len(chunk)), turn[shard]))
    start, count = start[order], count[order]
    return np.repeat(start - np.cumsum(count) + count, count) + np.arange(len(places.rows))


def epoch_order(n: int, seed: int, epoch: int, stream: int = _ORDER) -> NDArray[np.int64]:
    """A permutation of ``0 .. n - 1``, another one for every (seed, epoch).

    Returns:
        (n,) int64.

    Raises:
        ParamsError: seed or epoch is negative.
    """
    _refuse_negative(seed, epoch)
    return np.argsort(words(fold(seed, stream, epoch), n), kind="stable")


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


def erase_keys(sample_ids: Iterable[str], seed: int, epoch: int) -> UInt64Array:
    """The key of what is erased from each sample in an epoch: (n,) uint64 for `faceshards.ops.erase`.

    Raises:
        ParamsError: seed or epoch is negative.
    """
    _refuse_negative(seed, epoch)
    return fold(sample_keys(sample_ids), seed, _ERASE, epoch)


def _refuse_negative(seed: int, epoch: int) -> None:
    if seed < 0 or epoch < 0:
        raise ParamsError(f"seed and epoch must be 0 or more, got seed={seed}, epoch={epoch}")

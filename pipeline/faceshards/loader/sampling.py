"""In which order an epoch visits the samples: a pure function of seed and epoch."""

import logging
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from faceshards.checks import whole_number
from faceshards.errors import ParamsError
from faceshards.loader.draws import Stream
from faceshards.rng import fold, skip, uniforms, words

_log = logging.getLogger(__name__)

_AT_ONCE = 1 << 16
"""Numbers that are worked out at a time, so that those on the way to them take no memory for each sample."""

Uneven: TypeAlias = Literal["drop", "pad", "keep"]
"""What to do with the samples that do not divide among the ranks: leave them out, show some twice so that all ranks
have as many, or let some ranks have one more."""


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

    window: int = 8192
    shards: int = 64
    lanes: int = 2

    def __post_init__(self) -> None:
        for name in ("window", "shards", "lanes"):
            object.__setattr__(self, name, whole_number(name, getattr(self, name), 1))

    def reach(self, batch_size: int, chunk_rows: int, workers: int = 1) -> int:
        """How many batches of a worker lie between the first and the last visit to a chunk, at most."""
        return (self.window + self.lanes * chunk_rows) // (batch_size * workers) + self.lanes + 1


@dataclass(frozen=True, slots=True)
class RowLayout:
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
        epoch: of the order and of all draws; to be raised by one every time the samples are gone through.
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
        for name, least in (("batch_size", 1), ("seed", 0), ("epoch", 0), ("rank", 0), ("world_size", 1)):
            object.__setattr__(self, name, whole_number(name, getattr(self, name), least))
        if not (isinstance(self.shuffle, bool | Shuffle) or self.shuffle == "full"):
            raise ParamsError(f"shuffle is True, False, 'full' or a Shuffle, not {self.shuffle!r}")
        if self.rank >= self.world_size:
            raise ParamsError(f"rank must be 0 to world_size - 1, got rank={self.rank}, world_size={self.world_size}")
        if self.uneven not in ("drop", "pad", "keep"):
            raise ParamsError(f"uneven is drop, pad or keep, not {self.uneven!r}")
        if not isinstance(self.drop_last, bool):
            raise ParamsError(f"drop_last is True or False, not {self.drop_last!r}")

    def batches(self, n: int) -> int:
        """How many batches this rank gets of `n` samples."""
        return -(-self.samples(n) // self.batch_size)

    def batches_told(self, n: int) -> int:
        """`batches`, with a warning where there are samples and none of them is in a batch of this rank."""
        found = self.batches(n)
        if n and not found:
            _log.warning(
                "rank %d of %d gets no batch in an epoch: %d faces in batches of %d, drop_last=%s, uneven=%r",
                *(self.rank, self.world_size, n, self.batch_size, self.drop_last, self.uneven),
            )
        return found

    def samples(self, n: int) -> int:
        """How many samples this rank visits of `n`."""
        own = len(self._share(n))
        return own - own % self.batch_size if self.drop_last else own

    def order(self, layout: RowLayout) -> NDArray[np.int64]:
        """The samples that this rank visits: batch ``j`` is ``order[j * batch_size : (j + 1) * batch_size]``.

        Returns:
            int64 indices of samples.
        """
        n = len(layout.rows)
        shuffle = Shuffle() if self.shuffle is True else self.shuffle
        if isinstance(shuffle, Shuffle):
            samples = _shuffled_chunks(layout, shuffle.shards, self.seed, self.epoch)
        else:
            samples = epoch_order(n, self.seed, self.epoch) if shuffle else np.arange(n)
        samples = self._shared_out(samples)
        if isinstance(shuffle, Shuffle):
            samples = self._mixed(samples, shuffle)
        return samples[: len(samples) - len(samples) % self.batch_size] if self.drop_last else samples

    def reach(self, chunk_rows: int, workers: int = 1) -> int:
        """For how many batches of a worker a chunk is worth decoding at once.

        With a full shuffle, as many as the memory of a default `Shuffle` holds. Without a shuffle, a chunk is wanted by
        the batch at hand and those that follow it until the chunk ends.
        """
        if not self.shuffle:
            return 1 + -(-chunk_rows // self.batch_size)
        mixing = self.shuffle if isinstance(self.shuffle, Shuffle) else Shuffle()
        return mixing.reach(self.batch_size, chunk_rows, workers)

    def identity(self) -> dict[str, Any]:
        """What must be the same for a saved position to mean the same: all but epoch and rank."""
        return {name: value for name, value in asdict(self).items() if name not in ("epoch", "rank")}

    def _share(self, n: int) -> range:
        """Which of the epoch's samples are this rank's: neighbours, so that ranks share no chunks; modulo `n`."""
        if self.uneven == "keep":
            return range(self.rank * n // self.world_size, (self.rank + 1) * n // self.world_size)
        each = n // self.world_size if self.uneven == "drop" else -(-n // self.world_size)
        return range(self.rank * each, (self.rank + 1) * each)

    def _turns(self, lane: int, n: int, shuffle: Shuffle) -> NDArray[np.float64]:
        """When each of the `n` neighbours of a lane has its turn: (n,), at most a window after its own place."""
        key = fold(self.seed, Stream.MIX, self.epoch, self.rank, lane)
        turns = np.empty(n)
        for start in range(0, n, _AT_ONCE):
            here = turns[start : start + _AT_ONCE]
            here[:] = uniforms(skip(key, start), len(here)) * (shuffle.window / shuffle.lanes)
            here += np.arange(start, start + len(here))
        return turns

    def _shared_out(self, samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of all samples that are this rank's."""
        share = self._share(len(samples))
        if share.stop <= len(samples):
            return samples[share.start : share.stop]
        return samples[np.arange(share.start, share.stop) % max(len(samples), 1)]

    def _mixed(self, samples: NDArray[np.int64], shuffle: Shuffle) -> NDArray[np.int64]:
        """Deal batches to lanes and neighbours to each lane, then mix within the lane."""
        size = self.batch_size
        full, rest = divmod(len(samples), size)
        out = np.empty_like(samples)
        start = 0
        for number in range(shuffle.lanes):
            mine = len(range(number, full, shuffle.lanes))
            last = rest if number == full % shuffle.lanes else 0
            own = samples[start : start + mine * size + last]
            start += len(own)
            mixed = own[np.argsort(self._turns(number, len(own), shuffle), kind="stable")]
            out[: full * size].reshape(full, size)[number :: shuffle.lanes] = mixed[: mine * size].reshape(mine, size)
            out[full * size :][:last] = mixed[mine * size :]
        return out


def _shuffled_chunks(layout: RowLayout, shards: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """All samples, chunk by chunk: random chunks of the first `shards` random shards, then of the next, and so on."""
    chunk, start, count = _runs(layout)
    shard = chunk * layout.chunk_rows // layout.shard_rows
    turn = np.argsort(epoch_order(int(shard.max(initial=-1)) + 1, seed, epoch, Stream.SHARDS)) // shards
    order = np.lexsort((words(fold(seed, Stream.CHUNKS, epoch), len(chunk)), turn[shard]))
    start, count = start[order], count[order]
    samples = np.repeat(start - np.cumsum(count) + count, count)
    for at in range(0, len(samples), _AT_ONCE):
        here = samples[at : at + _AT_ONCE]
        here += np.arange(at, at + len(here))
    return samples


def _runs(layout: RowLayout) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Of each chunk that has samples: its number, the first of them, and how many they are."""
    chunk = layout.rows // layout.chunk_rows
    start = np.flatnonzero(np.diff(chunk, prepend=-1))
    return chunk[start], start, np.diff(start, append=len(chunk))


def epoch_order(n: int, seed: int, epoch: int, stream: int = Stream.ORDER) -> NDArray[np.int64]:
    """A permutation of ``0 .. n - 1``, (n,) int64, another one for every (seed, epoch)."""
    return np.argsort(words(fold(seed, stream, epoch), n), kind="stable")

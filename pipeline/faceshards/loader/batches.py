"""One epoch of batches, whose position can be saved and taken up again."""

import math
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from faceshards.errors import ParamsError
from faceshards.loader.decoding import DecodeOptions, Decoding, Visits, batches_at_once
from faceshards.loader.draws import EpochDraws
from faceshards.loader.memory import Memory
from faceshards.loader.position import Position, restored, saved
from faceshards.loader.sampling import Sampling
from faceshards.loader.split import Split, decoded_fields
from faceshards.loader.views import BoundView
from faceshards.records import Batch
from faceshards.store.schema import MANIFEST


class Batches(Iterator[Batch]):
    """An iterator over the batches of one epoch; see `Dataset.batches`. One thread at a time may use it.

    Args:
        split: what is read.
        sampling: which samples are in which batch.
        view: what is shown of them.
        fields: of a batch.
        options: how they are read.
        memory: that they are decoded into.
    """

    def __init__(
        self,
        split: Split,
        sampling: Sampling,
        view: BoundView,
        fields: Sequence[str],
        options: DecodeOptions,
        memory: Memory,
    ) -> None:
        self._split, self._sampling, self._view, self._options = split, sampling, view, options
        self._fields, self._memory = tuple(fields), memory
        self._position = Position(sampling.epoch)
        self._decoded: Iterator[tuple[Batch, int]] | None = None
        self._ended = False

    def __len__(self) -> int:
        """Batches of the whole epoch of this rank, whatever was handed out already."""
        return self._sampling.batches(len(self._split))

    @property
    def skipped(self) -> int:
        """How many samples were left out so far because their chunk cannot be read."""
        return self._position.skipped

    def __next__(self) -> Batch:
        while is_empty(batch := self.turn()):
            pass
        return batch

    def turn(self) -> Batch:
        """The next batch, also one that iteration leaves out: see `is_empty`.

        Raises:
            StopIteration: there is none.
        """
        if self._ended:
            raise StopIteration
        if self._decoded is None:
            self._decoded = self._begin()
        try:
            batch, dropped = next(self._decoded)
        except BaseException:
            self.close()
            raise
        done, skipped = self._position.batches_done + self._options.worker[1], self._position.skipped + dropped
        self._position = Position(self._position.epoch, done, skipped)
        return batch

    def memory_needed(self) -> int:
        """Bytes of all batches that are worked on at a time, at most."""
        reach = self._sampling.reach(self._split.layout.chunk_rows, self._options.worker[1])
        shapes = [self._view.fields[name] for name in decoded_fields(self._fields)]
        sample = sum(math.prod(shape) * dtype.itemsize for shape, dtype in shapes)
        samples = batches_at_once(reach, self._options.ahead) * self._sampling.batch_size
        return min(samples, len(self._split)) * sample

    def close(self) -> None:
        """End the threads and the iteration; batches that were handed out stay valid."""
        self._ended = True
        if self._decoded is not None:
            self._stop()

    def state_dict(self) -> dict[str, Any]:
        """Where the iterator stands, in JSON values: in which epoch, and how many batches are done."""
        return saved(self._position, order_of(self._split, self._sampling))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another iterator stood, in its epoch.

        Raises:
            ParamsError: the other one visits the samples in another order, or iteration has begun.
        """
        if self._decoded is not None:
            raise ParamsError("load_state_dict comes before the first batch: call batches() again and load into that")
        self.start_at(restored(state, order_of(self._split, self._sampling)))

    def start_at(self, position: Position) -> None:
        """Begin there; with workers, from its batch on they take turns anew."""
        self._sampling, self._position = replace(self._sampling, epoch=position.epoch), position

    def _begin(self) -> Iterator[tuple[Batch, int]]:
        decoding = Decoding(self._split, self._visits(), self._options, self._memory)
        # Not a `__del__`, which would also run while the interpreter ends and its modules are gone.
        self._stop = weakref.finalize(self, decoding.stop)
        self._stop.atexit = False
        return iter(decoding)

    def _visits(self) -> Visits:
        sampling, size = self._sampling, self._sampling.batch_size
        number, workers = self._options.worker
        left = sampling.order(self._split.layout)[self._position.batches_done * size :]
        starts = range(number * size, len(left), workers * size)
        mine = left if workers == 1 else np.concatenate([left[:0], *(left[at : at + size] for at in starts)])
        reach = sampling.reach(self._split.layout.chunk_rows, workers)
        draws = EpochDraws(sampling.seed, sampling.epoch)
        return Visits(mine, size, reach, self._view, self._fields, draws)


def order_of(split: Split, sampling: Sampling) -> dict[str, Any]:
    """What a saved position depends on: the samples, and all that decides their order."""
    manifest = split.store.info["files"][MANIFEST]["sha256"]
    # The manifest says in which shard a row lies, and not in which chunk, by which samples are shuffled.
    chunk_rows = split.layout.chunk_rows
    order = {"split": split.name, "manifest_sha256": manifest, "chunk_rows": chunk_rows}
    return {**order, "sampling": sampling.identity()}


def is_empty(batch: Mapping[str, Any]) -> bool:
    """Whether nothing of a batch could be read, so that it is empty."""
    return bool(batch) and not any(len(values) for values in batch.values())

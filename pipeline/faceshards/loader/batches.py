"""One epoch of batches, whose position can be saved and taken up again."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from faceshards.errors import ParamsError
from faceshards.loader.decoding import Decoding, Running, Visits, batches_at_once
from faceshards.loader.sampling import Sampling
from faceshards.loader.views import Showing
from faceshards.records import Batch

if TYPE_CHECKING:
    from faceshards.loader.dataset import Dataset

_STATE_VERSION = 1


class Batches(Iterator[Batch]):
    """An iterator over the batches of one epoch; see `Dataset.batches`. One thread at a time may use it.

    Attributes:
        skipped: how many samples were left out so far because their chunk cannot be read.
    """

    def __init__(
        self, dataset: "Dataset", sampling: Sampling, showing: Showing, fields: Sequence[str], running: Running
    ) -> None:
        self._decoding: Decoding | None = None
        self.skipped = 0
        self._dataset, self._sampling, self._showing, self._running = dataset, sampling, showing, running
        self._fields = tuple(fields)
        self._done = 0  # batches of the epoch that were handed out, by all workers together
        self._order: NDArray[np.int64] | None = None
        self._made: Iterator[tuple[Batch, int]] = iter(())

    def __len__(self) -> int:
        """Batches of the whole epoch of this rank, whatever was handed out already."""
        return -(-len(self._visited()) // self._sampling.batch_size)

    def __next__(self) -> Batch:
        while is_lost(batch := self.turn()):
            pass
        return batch

    def turn(self) -> Batch:
        """The next batch, also one that iteration leaves out: see `is_lost`.

        Raises:
            StopIteration: there is none.
        """
        if self._decoding is None:
            self._decoding = Decoding(self._dataset, self._visits(), self._running)
            self._made = iter(self._decoding)
        try:
            batch, dropped = next(self._made)
        except BaseException:
            self.close()
            raise
        self._done += self._running.worker[1]
        self.skipped += dropped
        return batch

    def __del__(self) -> None:
        self.close()

    def memory_needed(self) -> int:
        """Bytes of all batches that are worked on at a time, at most."""
        reach = self._sampling.reach(self._dataset.places.chunk_rows, self._running.worker[1])
        shapes = [self._showing.fields[name] for name in self._dataset.stored(self._fields)]
        sample = sum(math.prod(shape) * dtype.itemsize for shape, dtype in shapes)
        samples = batches_at_once(reach, self._running.ahead) * self._sampling.batch_size
        return min(samples, len(self._dataset)) * sample

    def close(self) -> None:
        """End the threads; batches that were handed out stay valid."""
        if self._decoding is not None:
            self._decoding.stop()
            self._made = iter(())

    def state_dict(self) -> dict[str, Any]:
        """Where the iterator stands, in JSON values: in which epoch, and how many batches are done."""
        return {
            "version": _STATE_VERSION,
            "samples": len(self._dataset),
            "sampling": self._sampling.identity(),
            "epoch": self._sampling.epoch,
            "batches_done": self._done,
            "skipped": self.skipped,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another iterator stood, in its epoch; with workers, from its batch on they take turns anew.

        Raises:
            ParamsError: the other one visits the samples in another order, or iteration has begun.
        """
        if self._decoding is not None:
            raise ParamsError("load_state_dict comes before the first batch: call batches() again and load into that")
        own = self.state_dict()
        if wrong := [name for name in ("version", "samples", "sampling") if state.get(name) != own[name]]:
            raise ParamsError(
                "the saved position belongs to another order of samples; give batches() what it was saved with: "
                + "; ".join(f"{name} was {state.get(name)}, here {own[name]}" for name in wrong)
            )
        self._sampling = replace(self._sampling, epoch=state["epoch"])
        self._done, self.skipped = state["batches_done"], state["skipped"]
        self._order = None

    def _visited(self) -> NDArray[np.int64]:
        # Not a cached_property, whose lock another thread may hold while this one forks: a worker would wait for ever.
        if self._order is None:
            self._order = self._sampling.order(self._dataset.places)
        return self._order

    def _visits(self) -> Visits:
        size = self._sampling.batch_size
        number, workers = self._running.worker
        left = self._visited()[self._done * size :]
        mine = left[np.arange(len(left)) // size % workers == number]
        reach = self._sampling.reach(self._dataset.places.chunk_rows, workers)
        return Visits(mine, size, reach, self._showing, self._fields, self._sampling.seed, self._sampling.epoch)


def is_lost(batch: Mapping[str, Any]) -> bool:
    """Whether nothing of a batch could be read, so that it is empty."""
    return bool(batch) and not any(len(values) for values in batch.values())

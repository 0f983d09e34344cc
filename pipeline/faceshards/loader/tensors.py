"""Batches as tensors, in the process that made them or on their way out of a worker. Needs torch."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from faceshards.loader.batches import Batches
from faceshards.loader.handover import Handover, Place, SharedPool
from faceshards.records import Batch

_PICKLED_BYTES = 1 << 16  # the most that goes through a pipe sooner than torch makes shared memory for it


def to_tensors(batch: Batch) -> dict[str, Any]:
    """Tensors that share the batch's memory; text (`sample_id`) becomes a list of str."""
    return {name: _to_tensor(values) for name, values in batch.items()}


def _to_tensor(values: NDArray[Any]) -> Any:
    return values.tolist() if values.dtype.kind == "U" else torch.from_numpy(values)


@dataclass(frozen=True, slots=True)
class Handed:
    """A batch on its way from a worker: a type that torch leaves alone."""

    values: Mapping[str, Place | NDArray[Any] | Tensor]

    @classmethod
    def of(cls, batch: Batch, memory: SharedPool) -> "Handed":
        """In a worker: what lies in shared memory stays there, small arrays go through a pipe."""

        def way(values: NDArray[Any]) -> Place | NDArray[Any] | Tensor:
            small = values.nbytes <= _PICKLED_BYTES or values.dtype.kind == "U"
            return memory.place_of(values) or (values if small else torch.from_numpy(values))

        return cls({name: way(values) for name, values in batch.items()})

    def tensors(self, handover: Handover) -> dict[str, Any]:
        """In the trainer's process."""

        def tensor(values: Place | NDArray[Any] | Tensor) -> Any:
            if isinstance(values, Tensor):
                return values
            return _to_tensor(handover.array_at(values) if isinstance(values, Place) else values)

        return {name: tensor(values) for name, values in self.values.items()}


class Tensors(Iterator[Any]):
    """`Batches` as tensors; `StatefulDataLoader` saves and restores each worker's by the same two methods.

    Args:
        batches: what to go through.
        lost_too: give a batch of which nothing could be read as well, empty, so that workers keep taking turns.
        memory: where batches are handed over; None to leave that to torch.
    """

    def __init__(self, batches: Batches, lost_too: bool, memory: SharedPool | None = None) -> None:
        self._batches, self._lost_too, self._memory = batches, lost_too, memory

    def __next__(self) -> Any:
        batch = self._batches.turn() if self._lost_too else next(self._batches)
        return to_tensors(batch) if self._memory is None else Handed.of(batch, self._memory)

    def state_dict(self) -> dict[str, Any]:
        """See `Batches`."""
        return self._batches.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Batches`."""
        self._batches.load_state_dict(state)

"""Batches as tensors, in the process that made them or on their way out of a worker. Needs torch."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor

from faceshards.checks import flag
from faceshards.loader.batches import Batches
from faceshards.loader.handover import Handover, SharedArray, SharedPool
from faceshards.records import Batch

_log = logging.getLogger(__name__)


class Turn(NamedTuple):
    """One batch of an epoch.

    Attributes:
        number: which.
        tensors: by field; empty ones where nothing of it could be read.
        skipped: samples that were left out of it because their chunk cannot be read.
    """

    number: int
    tensors: dict[str, Any]
    skipped: int

    def pinned(self) -> "Turn":
        """The same in page-locked memory, which a GPU reads while the trainer goes on.

        The memory is torch's: torch does not use it again while a copy to a GPU still reads it.
        """
        moved = {name: v.pin_memory() if isinstance(v, Tensor) else v for name, v in self.tensors.items()}
        return self._replace(tensors=moved)


class OwnTurns(Iterator[Turn]):
    """The batches that this process makes.

    Args:
        batches: what to go through.
        number: of the first.
    """

    def __init__(self, batches: Batches, number: int) -> None:
        self._batches, self._number = batches, number

    def __next__(self) -> Turn:
        before = self._batches.skipped
        tensors = to_tensors(self._batches.turn())
        self._number += 1
        return Turn(self._number - 1, tensors, self._batches.skipped - before)


def to_tensors(batch: Batch) -> dict[str, Any]:
    """Tensors that share the batch's memory; text (`sample_id`) becomes a list of str."""
    return {name: v.tolist() if v.dtype.kind == "U" else torch.from_numpy(v) for name, v in batch.items()}


@dataclass(frozen=True, slots=True)
class SentBatch:
    """A batch on its way from a worker: a type that torch leaves alone.

    Nothing in it is a tensor, for those torch puts into files in /dev/shm, and drops where it is full.

    Attributes:
        number: as in `Turn`.
        values: by field, where they lie in shared memory, or themselves.
        skipped: as in `Turn`.
    """

    number: int
    values: Mapping[str, SharedArray | NDArray[Any]]
    skipped: int

    @classmethod
    def of(cls, number: int, batch: Batch, skipped: int, memory: SharedPool | None) -> "SentBatch":
        """In a worker: what lies in shared memory stays there, and the rest goes through a pipe."""
        if memory is None:
            return cls(number, batch, skipped)
        return cls(number, {name: memory.share(values) or values for name, values in batch.items()}, skipped)

    def received(self, handover: Handover | None) -> Turn:
        """In the trainer's process."""

        def array(values: SharedArray | NDArray[Any]) -> NDArray[Any]:
            if not isinstance(values, SharedArray):
                return values
            assert handover is not None, "a worker shares memory only where it was given some"
            return handover.array_at(values)

        return Turn(self.number, to_tensors({n: array(v) for n, v in self.values.items()}), self.skipped)


def pins(pin_memory: bool | None) -> bool:
    """Whether to copy batches to page-locked memory: where it is asked for, or left open, and a device is there."""
    there = torch.cuda.is_available()
    if pin_memory is not None and flag("pin_memory", pin_memory) and not there:
        _log.warning("pin_memory=True has no effect: there is no CUDA device for which memory could be page-locked")
    return there and pin_memory is not False

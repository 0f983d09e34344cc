"""torch over a `Dataset`. Needs ``faceshards[torch]``.

`Loader` is what a trainer wants: whole batches of tensors, in this process or from workers, with a position that can be
saved. `TorchBatches` is the iterable dataset below it, for `torch.utils.data.DataLoader` and torchdata's
``StatefulDataLoader``. A `Dataset` itself is a map-style dataset, to which `TorchDataset` adds views and epochs: with
these, samples go through Python one by one.
"""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import filterfalse
from typing import Any

from faceshards.errors import MissingExtraError
from faceshards.loader.batches import Batches, is_lost
from faceshards.loader.dataset import Dataset
from faceshards.loader.decoding import Running
from faceshards.loader.handover import Handover
from faceshards.loader.samples import samples_of
from faceshards.loader.sampling import Sampling
from faceshards.loader.views import View
from faceshards.records import Batch

try:
    import torch.utils.data

    from faceshards.loader.tensors import Tensors
except ModuleNotFoundError as error:
    raise MissingExtraError(
        f"faceshards.loader.torch needs an extra: pip install 'faceshards[torch]' ({error})"
    ) from error

_WORKER_LOST_AFTER_S = 120.0
_SPARE = 3  # times what a worker works on: batches wait for the trainer, and it looks at some
_log = logging.getLogger(__name__)


class TorchBatches(torch.utils.data.IterableDataset[dict[str, Any]]):
    """Whole batches as an iterable dataset: give it to a DataLoader with ``batch_size=None``.

    With k workers each makes every k-th batch, so that all of them come in the order that one process gives. A worker
    decodes with one thread, or in order with none, unless `running` says more. Where k divides `Shuffle.lanes`, no
    chunk is decoded twice.

    Args:
        dataset: what `faceshards.open` gave.
        sampling: which samples are in which batch.
        running: how they are read, in this process; `worker` is set from torch's.
        fields: as in `Dataset.take`.
        view: as in `Dataset.take`.
    """

    def __init__(
        self,
        dataset: Dataset,
        sampling: Sampling,
        running: Running | None = None,
        fields: Sequence[str] | None = None,
        view: View = "original",
    ) -> None:
        self.dataset, self.sampling, self.running = dataset, sampling, running or Running()
        self.fields, self.view = fields, view
        # A `Loader` sets these for as long as it takes to start an iteration.
        self.resume_from: Mapping[str, Any] | None = None
        self.handover: Handover | None = None
        self.batches()  # wrong arguments are told here, and not in a worker

    def set_epoch(self, epoch: int) -> None:
        """Another order and other draws from now on. Workers see it when they start: no ``persistent_workers``."""
        self.sampling = replace(self.sampling, epoch=epoch)

    def __len__(self) -> int:
        return len(self.batches())

    def batches(self, running: Running | None = None) -> Batches:
        """The numpy batches behind it."""
        batches = self.dataset.batches_of(self.sampling, running or self.running, self.fields, self.view)
        if self.resume_from is not None:
            batches.load_state_dict(self.resume_from)
        return batches

    def running_in(self, worker: int, workers: int) -> Running:
        """`running` in one of so many workers."""
        return self.running.in_worker(worker, workers, in_order=not self.sampling.shuffle)

    def __iter__(self) -> Tensors:
        worker, lost_too = torch.utils.data.get_worker_info(), self.resume_from is not None
        if worker is None:
            return Tensors(self.batches(), lost_too)
        running = self.running_in(worker.id, worker.num_workers)
        if self.handover is None:
            return Tensors(self.batches(running), lost_too)
        self.dataset.memory = memory = self.handover.memory_of(worker.id)
        return Tensors(self.batches(running), lost_too, memory)


class Loader:
    """Epochs of batches as tensors, from this process or from workers, and where in them the trainer is.

    The position counts what was handed to the trainer, so that it may be taken up with another number of workers.

    Args:
        batches: what to iterate over.
        num_workers: processes; 0 for the threads of this one, which are faster unless the trainer keeps Python busy.
        pin_memory: None for where CUDA is there.
        timeout: seconds after which a worker that is silent, but alive, counts as lost; one that dies is told at once.
    """

    def __init__(
        self,
        batches: TorchBatches,
        *,
        num_workers: int = 0,
        pin_memory: bool | None = None,
        timeout: float = _WORKER_LOST_AFTER_S,
    ) -> None:
        self.batches = batches
        pin = torch.cuda.is_available() if pin_memory is None else pin_memory
        self._hands_over = num_workers > 0 and not pin and hasattr(os, "memfd_create")
        self._loader = torch.utils.data.DataLoader(
            batches,
            batch_size=None,
            num_workers=num_workers,
            pin_memory=pin,
            timeout=timeout if num_workers else 0,
        )
        self._start = self._state = batches.batches().state_dict()

    def __len__(self) -> int:
        """Batches of a whole epoch."""
        return len(self.batches)

    def set_epoch(self, epoch: int) -> None:
        """Go to the start of an epoch; in the one where the loader is, stay: what is left of it comes."""
        if epoch != self._state["epoch"]:
            self.batches.set_epoch(epoch)
            self._state = self._start | {"epoch": epoch}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """What is left of the epoch; then the loader is at the start of the next one."""
        # A filter, for it lets go of a batch at once.
        return filterfalse(is_lost, self._turns())

    def _turns(self) -> Iterator[dict[str, Any]]:
        handover = self._handover()
        try:
            for batch in self._begin(handover):
                self._state = self._state | {"batches_done": self._state["batches_done"] + 1}
                yield batch.tensors(handover) if handover else batch
        finally:
            if handover:
                handover.trim()
        self.set_epoch(self._state["epoch"] + 1)

    def _begin(self, handover: Handover | None) -> Iterator[Any]:
        """Start the workers; whoever else iterates over `batches` from then on shares nothing with them."""
        self.batches.resume_from, self.batches.handover = self._state, handover
        try:
            return iter(self._loader)
        finally:
            self.batches.resume_from = self.batches.handover = None

    def _handover(self) -> Handover | None:
        if not self._hands_over:
            return None
        workers = self._loader.num_workers
        needed = self.batches.batches(self.batches.running_in(0, workers)).memory_needed()
        try:
            return Handover(workers, _SPARE * needed)
        except OSError as error:  # too little address space, or a sandbox
            _log.warning("torch copies each batch of the workers, for they cannot share memory: %s", error)
            return None

    def state_dict(self) -> dict[str, Any]:
        """Where the trainer is, in JSON values."""
        return dict(self._state)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another loader was; the next iteration begins there.

        Raises:
            ParamsError: the other one visits the samples in another order.
        """
        self.batches.batches().load_state_dict(state)
        self.batches.set_epoch(state["epoch"])
        self._state = dict(state)


class TorchDataset(torch.utils.data.Dataset[dict[str, Any]]):
    """A map-style dataset for `torch.utils.data.DataLoader`, with any of its samplers and any number of workers.

    Args:
        dataset: what `faceshards.open` gave.
        fields: as in `Dataset.take`.
        view: as in `Dataset.take`.
        seed: of what the view draws, with the epoch.
    """

    def __init__(
        self, dataset: Dataset, *, fields: Sequence[str] | None = None, view: View = "original", seed: int = 0
    ) -> None:
        self.dataset = dataset
        self.fields = fields
        self.view: View = view
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Draw anew from now on. Workers see it when they start: not with ``persistent_workers=True``."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """What a DataLoader asks for: the samples of one batch, gathered together."""
        return samples_of(self.take(indices))

    def take(self, indices: Sequence[int]) -> Batch:
        """One batch of numpy arrays."""
        return self.dataset.take(indices, fields=self.fields, view=self.view, seed=self.seed, epoch=self.epoch)

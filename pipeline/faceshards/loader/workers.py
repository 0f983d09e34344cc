"""Processes that decode the batches of a loader's epochs, each its share. Needs torch."""

import logging
import os
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing import get_all_start_methods
from multiprocessing.context import BaseContext
from multiprocessing.sharedctypes import RawArray
from threading import Lock
from typing import Any

import numpy.random  # noqa: F401 (torch seeds it in every worker, each of which would import it in every epoch)
import torch.utils.data

from faceshards.checks import finite_number
from faceshards.errors import ParamsError
from faceshards.loader.batches import Batches
from faceshards.loader.decoding import DecodeOptions
from faceshards.loader.handover import Handover, SharedPool
from faceshards.loader.memory import Memory, Pool
from faceshards.loader.position import Position
from faceshards.loader.sampling import Sampling
from faceshards.loader.split import Split
from faceshards.loader.tensors import SentBatch, Turn
from faceshards.loader.views import BoundView

_SPARE = 3  # times what a worker works on: batches wait for the trainer, and it looks at some
_LOOK_EVERY_S = 5.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What all epochs of a loader have in common.

    Attributes:
        split: what is read.
        view: what is shown of it.
        fields: of a batch.
        options: how they are read.
    """

    split: Split
    view: BoundView
    fields: tuple[str, ...]
    options: DecodeOptions

    def batches(self, sampling: Sampling, start: Position, options: DecodeOptions, memory: Memory) -> Batches:
        """The batches of the position's epoch, from there on."""
        batches = Batches(self.split, sampling, self.view, self.fields, options, memory)
        batches.start_at(start)
        return batches

    def in_worker(self, sampling: Sampling, start: Position, worker: tuple[int, int], memory: Memory) -> Batches:
        """The same in one of so many workers: every k-th batch, so that k workers give the order of one process."""
        options = self.options.in_worker(*worker, in_order=not sampling.shuffle)
        return self.batches(sampling, start, options, memory)


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How workers run.

    Attributes:
        number: how many; 0 for none.
        persistent: they live on between epochs.
        prefetch: batches that each works on ahead; None for torch's 2.
        timeout: seconds after which a worker that is silent, but alive, counts as lost.
        context: how they start: ``"fork"``, ``"spawn"``, ``"forkserver"``, a context, or None for Python's default.

    Raises:
        ParamsError: a value that it cannot have.
    """

    number: int
    persistent: bool
    prefetch: int | None
    timeout: float
    context: str | BaseContext | None

    def __post_init__(self) -> None:
        of_workers = {"persistent_workers": self.persistent, "multiprocessing_context": self.context}
        if not self.number and (given := [name for name, value in of_workers.items() if value]):
            raise ParamsError(f"{' and '.join(given)}: expected workers to which it applies; found num_workers=0")
        if finite_number("timeout", self.timeout) < 0:
            raise ParamsError(f"timeout is a number of seconds, 0 for no limit; found {self.timeout!r}")
        known = get_all_start_methods()
        if self.context is not None and not isinstance(self.context, BaseContext) and self.context not in known:
            raise ParamsError(f"multiprocessing_context is None or one of {', '.join(known)}, not {self.context!r}")


class Workers:
    """Processes that make one epoch, or one after the other where they are persistent.

    Args:
        plan: what they make.
        sampling: of one of the epochs.
        options: how they run.
    """

    def __init__(self, plan: Plan, sampling: Sampling, options: WorkerOptions) -> None:
        self._handover = _handover(plan, sampling, options.number)
        self._epoch_of_workers = _WorkerEpoch(plan, sampling, self._handover)
        self._persistent = options.persistent
        self._lost_after = options.timeout
        self._reading = Lock()
        self._before: weakref.ref[_Reading] | None = None
        self._loader = torch.utils.data.DataLoader(
            self._epoch_of_workers,
            batch_size=None,
            num_workers=options.number,
            persistent_workers=options.persistent,
            prefetch_factor=options.prefetch,
            timeout=min(options.timeout, _LOOK_EVERY_S),
            multiprocessing_context=options.context,
            generator=torch.Generator().manual_seed(sampling.seed),  # torch's global one stays as it is
        )
        _out_of_reach(self, [self._loader])

    def begin(self, sampling: Sampling, start: Position) -> Iterator[Turn]:
        """The batches of one epoch from a position on; an earlier iteration, if there is one, is broken off."""
        if self._before is not None and (before := self._before()) is not None:
            before.ended = True
        with self._reading:
            self._epoch_of_workers.begin(sampling, start)
            if self._handover is not None:
                self._handover.keep_seen()
            reading = _Reading(iter(self._loader), self._reading)
        self._before = weakref.ref(reading)
        sent: list[Iterator[SentBatch]] = [reading]
        del reading
        turns = self._received(sent)
        _out_of_reach(turns, sent)
        return turns

    def _received(self, sent: list[Iterator[SentBatch]]) -> Iterator[Turn]:
        try:
            while (batch := self._next(sent[0])) is not None:
                yield batch.received(self._handover)
        finally:
            if self._handover is not None and not self._persistent:
                sent.clear()  # which ends the workers
                self._handover.trim()

    def _next(self, sent: Iterator[SentBatch]) -> SentBatch | None:
        """What the workers send next, None at the end. A worker that died is told soon, one that is silent late."""
        silent_since = time.monotonic()
        while True:
            try:
                return next(sent, None)
            except RuntimeError as error:
                # torch looks for dead workers whenever its own timeout is over.
                if "timed out" not in str(error):
                    raise
                if time.monotonic() - silent_since >= self._lost_after:
                    raise RuntimeError(f"DataLoader timed out after {self._lost_after:g} seconds") from error


class _Reading(Iterator[SentBatch]):
    """What the workers send in one iteration.

    torch's iterator of persistent workers is one for all iterations. The thread that pins may still wait in it when
    nobody looks at its iteration any more and another one begins.

    Attributes:
        ended: another iteration begins: this one takes nothing of it.
    """

    def __init__(self, sent: Iterator[SentBatch], alone: Lock) -> None:
        self._sent, self._alone, self.ended = sent, alone, False

    def __next__(self) -> SentBatch:
        with self._alone:
            if self.ended:
                raise StopIteration
            return next(self._sent)


class _WorkerEpoch(torch.utils.data.IterableDataset[SentBatch]):
    """What each worker makes of an epoch."""

    def __init__(self, plan: Plan, sampling: Sampling, handover: Handover | None) -> None:
        self._plan, self._sampling, self._handover = plan, sampling, handover
        self._begun: Any = RawArray("q", 4)  # shared, so that workers that are running already see it
        self._memory: SharedPool | None = None

    def begin(self, sampling: Sampling, start: Position) -> None:
        """In the trainer's process: what the workers' next iteration is."""
        self._begun[:] = [start.epoch, start.batches_done, sampling.rank, sampling.world_size]

    def __iter__(self) -> Iterator[SentBatch]:
        worker = torch.utils.data.get_worker_info()
        assert worker is not None
        epoch, done, rank, world_size = self._begun
        sampling = replace(self._sampling, rank=rank, world_size=world_size)
        of_workers = worker.id, worker.num_workers
        batches = self._plan.in_worker(sampling, Position(epoch, done), of_workers, self._own_memory(worker.id))
        return self._sent(batches, done + worker.id, worker.num_workers)

    def _own_memory(self, worker: int) -> Memory:
        if self._handover is None:
            return Pool()
        if self._memory is None:
            self._memory = self._handover.memory_of(worker)
        self._memory.reclaim()
        return self._memory

    def _sent(self, batches: Batches, number: int, step: int) -> Iterator[SentBatch]:
        while True:
            before = batches.skipped
            try:
                batch = batches.turn()
            except StopIteration:
                return
            sent = SentBatch.of(number, batch, batches.skipped - before, self._memory)
            del batch  # its memory is free once the trainer lets go of it
            yield sent
            number += step


def _out_of_reach(owner: object, held: list[Any]) -> None:
    """Keep what ends workers from Python's search for cycles, as long as its owner is there.

    That search ends the workers' queues before the workers, who then never hear of it: torch waits 5 s for each.
    """
    weakref.finalize(owner, held.clear).atexit = False


def _handover(plan: Plan, sampling: Sampling, workers: int) -> Handover | None:
    """Memory for what the workers make; None where the system has none, and pipes have to do."""
    if not hasattr(os, "memfd_create"):
        return None
    needed = plan.in_worker(sampling, Position(0), (0, workers), Pool()).memory_needed()
    try:
        return Handover(workers, _SPARE * needed)
    except OSError as error:  # too little address space, or a sandbox
        _log.warning("batches of the workers go through pipes, which is slower: no memory can be shared (%s)", error)
        return None

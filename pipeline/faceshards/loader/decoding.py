"""Chunks decoded ahead by threads, straight into the arrays of the batches that they belong to."""

import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from faceshards.errors import FaceShardsError, ParamsError
from faceshards.loader.schedule import ChunkTask, Schedule
from faceshards.loader.views import Part, Showing
from faceshards.records import Batch

if TYPE_CHECKING:
    from faceshards.loader.dataset import Dataset

OnError: TypeAlias = Literal["raise", "skip"]
_P = ParamSpec("_P")
_T = TypeVar("_T")
_SLAB_BATCHES = 4  # batches whose arrays are one, where chunks are dealt out to many: the fewer pieces, the better
_COPIED_TOGETHER = 8  # chunks that a thread is given at a time where to decode them is to copy them
_PREFETCH, _PREFETCH_OF_WORKER = 4, 2
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """How an epoch is read; nothing of what comes out.

    Attributes:
        threads: that decode; None for one a core that this process may use, in a DataLoader's worker for one, or none
            where batches come in the order of the store. 0 for none: a batch is decoded when it is asked for.
        prefetch: batches that threads work on ahead of the one that is asked for; None for 4, or 2 in such a worker.
        on_error: ``"raise"``, or ``"skip"`` samples whose chunk is missing or damaged: they are counted and logged.
        worker: number of this worker, and of how many; it makes every so-manieth batch.

    Raises:
        ParamsError: a value that it cannot have.
    """

    threads: int | None = None
    prefetch: int | None = None
    on_error: OnError = "raise"
    worker: tuple[int, int] = (0, 1)

    def __post_init__(self) -> None:
        if self.threads is not None and self.threads < 0:
            raise ParamsError(f"threads must be 0 or more, got {self.threads}")
        if self.prefetch is not None and self.prefetch < 1:
            raise ParamsError(f"prefetch must be 1 or more, got {self.prefetch}")
        if self.on_error not in ("raise", "skip"):
            raise ParamsError(f"on_error is raise or skip, not {self.on_error!r}")

    @property
    def ahead(self) -> int:
        """`prefetch` as a number."""
        return 1 if self.threads == 0 else self.prefetch or _PREFETCH

    def in_worker(self, number: int, workers: int, *, in_order: bool) -> "Running":
        """The same in one of a DataLoader's workers, which are many and of which torch asks for batches ahead too.

        Shuffled, one batch takes many times as long as the next, and a thread evens that out. In order it would only be
        in the way.
        """
        threads = (0 if in_order else 1) if self.threads is None else self.threads
        return replace(self, threads=threads, prefetch=self.prefetch or _PREFETCH_OF_WORKER, worker=(number, workers))


@dataclass(frozen=True, slots=True)
class Visits:
    """What is to be read.

    Attributes:
        samples: (n,) int64 indices, in the order of visits.
        batch_size: visits a batch.
        reach: as in `Schedule`.
        showing: the view.
        fields: of a batch.
        seed: of the view's draws.
        epoch: likewise.
    """

    samples: NDArray[np.int64]
    batch_size: int
    reach: int
    showing: Showing
    fields: Sequence[str]
    seed: int
    epoch: int


def batches_at_once(reach: int, prefetch: int) -> int:
    """For how many batches there is memory at a time, at most: those that are worked on, in whole slabs."""
    slab = _slab_batches(reach)
    return (-(-(reach + prefetch) // slab) + 1) * slab


def _slab_batches(reach: int) -> int:
    """How many batches have their arrays in one: each its own where a chunk belongs to one of them and a neighbour.

    New memory costs as much as to decode what goes there, so that there should be little of it.
    """
    return _SLAB_BATCHES if reach > 2 else 1


@dataclass(slots=True)
class _Slab:
    """Memory of some neighbouring batches.

    Attributes:
        arrays: of those fields that come out of chunks.
        good: (n,) whether the sample could be read.
    """

    arrays: Batch
    good: NDArray[np.bool_]


class Decoding:
    """Iterates over the batches of some visits, each with the number of samples that were left out of it."""

    def __init__(self, dataset: "Dataset", visits: Visits, running: Running) -> None:
        self._dataset, self._visits, self._running = dataset, visits, running
        self._stored = dataset.stored(visits.fields)
        self._slab_size = visits.batch_size * _slab_batches(visits.reach)
        self._schedule = Schedule(dataset.chunk_of(visits.samples), visits.batch_size, visits.reach)
        self._slabs: dict[int, _Slab] = {}
        self._tasks: defaultdict[int, list[Future[None]]] = defaultdict(list)
        threads = _cores() if running.threads is None else running.threads
        self._threads = ThreadPoolExecutor(threads, "faceshards") if threads else _AtOnce()

    def __iter__(self) -> Iterator[tuple[Batch, int]]:
        begun = 0
        total = -(-len(self._visits.samples) // self._visits.batch_size)
        for batch in range(total):
            while begun < min(batch + self._running.ahead, total):
                self._begin(begun)
                begun += 1
            yield self._finish(batch)

    def stop(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self, batch: int) -> None:
        if not self._stored:
            return
        tasks = list(self._schedule.tasks(batch))
        together = _COPIED_TOGETHER if self._copied else 1
        for start in range(0, len(tasks), together):
            some = tasks[start : start + together]
            places = np.concatenate([task.places for task in some]) if len(some) > 1 else some[0].places
            slabs = {number: self._slab(number) for number in _parts_of(places, self._slab_size)}
            future = self._threads.submit(self._fill_all, some, places, slabs)
            for served in _parts_of(places, self._visits.batch_size):
                self._tasks[served].append(future)

    @cached_property
    def _copied(self) -> bool:
        """Whether to read is to copy, of which a thread is given more at a time."""
        try:
            return self._dataset.shows_as_is(self._stored, self._visits.showing)
        except FaceShardsError:  # which who reads it will raise
            return False

    def _slab(self, number: int) -> _Slab:
        if number not in self._slabs:
            n = min(self._slab_size, len(self._visits.samples) - number * self._slab_size)
            fields = self._visits.showing.fields
            arrays = {name: self._dataset.memory.take((n, *fields[name][0]), fields[name][1]) for name in self._stored}
            self._slabs[number] = _Slab(arrays, np.ones(n, np.bool_))
        return self._slabs[number]

    def _fill_all(self, tasks: Sequence[ChunkTask], places: NDArray[np.int64], slabs: dict[int, _Slab]) -> None:
        """In a thread: all of some tasks."""
        if not (self._copied and len(slabs) == 1 and self._copy_run(places, slabs)):
            for task in tasks:
                self._fill(task, slabs)

    def _copy_run(self, places: NDArray[np.int64], slabs: dict[int, _Slab]) -> bool:
        """Copy neighbours at one go; where they are none, or anything is wrong, chunks are to be read one by one."""
        if not (places[1:] - places[:-1] == 1).all():
            return False
        ((number, slab),) = slabs.items()
        start = int(places[0]) - number * self._slab_size
        arrays = {name: values[start : start + len(places)] for name, values in slab.arrays.items()}
        try:
            return self._dataset.copy_run(self._visits.samples[places], arrays)
        except FaceShardsError:
            return False

    def _fill(self, task: ChunkTask, slabs: dict[int, _Slab]) -> None:
        """In a thread: decode a chunk and hand its samples to the batches that want them."""
        visits = self._visits
        rows = self._dataset.rows_in_chunk(visits.samples[task.places], task.chunk)
        places = task.places
        if (rows[1:] < rows[:-1]).any():
            order = np.argsort(rows, kind="stable")
            rows, places = rows[order], places[order]
        parts = [Part(start, slabs[slab].arrays, slice(to, to + n)) for start, slab, to, n in self._runs(rows, places)]
        try:
            self._dataset.show_in(
                parts, visits.samples[places], task.chunk, self._stored, visits.showing, visits.seed, visits.epoch
            )
        except FaceShardsError as error:
            if self._running.on_error == "raise":
                raise
            _log.warning("%d samples are left out: %s", len(places), error)
            for slab, at in zip(*(found.tolist() for found in np.divmod(places, self._slab_size)), strict=True):
                slabs[slab].good[at] = False

    def _runs(self, rows: NDArray[np.int64], places: NDArray[np.int64]) -> Iterator[tuple[int, int, int, int]]:
        """Neighbours in the chunk that are neighbours in a slab: the first of them, the slab, the place in it, the
        number of them."""
        slabs, at = np.divmod(places, self._slab_size)
        together = (rows[1:] - rows[:-1] == 1) & (places[1:] - places[:-1] == 1) & (slabs[1:] == slabs[:-1])
        starts = np.flatnonzero(np.append(True, ~together))
        counts = np.append(starts[1:], len(rows)) - starts
        return zip(starts.tolist(), slabs[starts].tolist(), at[starts].tolist(), counts.tolist(), strict=True)

    def _finish(self, batch: int) -> tuple[Batch, int]:
        for task in self._tasks.pop(batch, ()):
            task.result()
        start = batch * self._visits.batch_size
        samples = self._visits.samples[start : start + self._visits.batch_size]
        slab, place = self._slab(start // self._slab_size), start % self._slab_size
        stop = place + len(samples)
        arrays: Batch = {name: values[place:stop] for name, values in slab.arrays.items()}
        good = slab.good[place:stop]
        dropped = len(samples) - int(good.sum())
        if dropped:
            samples = samples[good]
            arrays = {name: values[good] for name, values in arrays.items()}
        if stop == len(slab.good):
            del self._slabs[start // self._slab_size]
        found = arrays | self._dataset.known(samples, self._visits.fields)
        return {name: found[name] for name in self._visits.fields}, dropped


def _parts_of(places: NDArray[np.int64], size: int) -> list[int]:
    """Which stretches of so many places some of them are in."""
    first, last = int(places.min()) // size, int(places.max()) // size
    return [first] if first == last else sorted(set((places // size).tolist()))


class _AtOnce(Executor):
    """Has everything done by the thread that asks for it."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        done: Future[_T] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

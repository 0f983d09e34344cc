"""Chunks decoded ahead by threads, straight into the arrays of the batches that they belong to."""

import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal, ParamSpec, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from faceshards.checks import whole_number
from faceshards.errors import CorruptShardError, FaceShardsError, MissingShardError, ParamsError, ReplacedStoreError
from faceshards.loader.draws import Draws
from faceshards.loader.memory import Memory
from faceshards.loader.schedule import ChunkTask, Schedule
from faceshards.loader.split import Split, decoded_fields
from faceshards.loader.views import BoundView, Part
from faceshards.records import Batch

OnError: TypeAlias = Literal["raise", "skip"]
_P = ParamSpec("_P")
_T = TypeVar("_T")
_SLAB_BATCHES = 4  # batches whose arrays are one, where chunks are dealt out to many: the fewer pieces, the better
_COPIED_TOGETHER = 8  # chunks that a thread is given at a time where to decode them is to copy them
_PREFETCH, _PREFETCH_OF_WORKER = 4, 2
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """How an epoch is read; nothing of what comes out.

    Attributes:
        threads: that decode; None for one a core that this process may use, in a DataLoader's worker for one, or none
            where batches come in the order of the store. 0 for none: a batch is decoded when it is asked for.
        prefetch: batches that threads work on ahead of the one that is asked for; None for 4, or 2 in such a worker.
        on_error: ``"raise"``, or ``"skip"`` samples whose chunk is missing or damaged: they are counted and logged.
        worker: number of this worker, and of how many; of k workers each makes every k-th batch.

    Raises:
        ParamsError: a value that it cannot have.
    """

    threads: int | None = None
    prefetch: int | None = None
    on_error: OnError = "raise"
    worker: tuple[int, int] = (0, 1)

    def __post_init__(self) -> None:
        for name, least in (("threads", 0), ("prefetch", 1)):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, whole_number(name, getattr(self, name), least))
        if self.on_error not in ("raise", "skip"):
            raise ParamsError(f"on_error is raise or skip, not {self.on_error!r}")

    @property
    def ahead(self) -> int:
        """`prefetch` as a number."""
        return 1 if self.threads == 0 else self.prefetch or _PREFETCH

    def in_worker(self, number: int, workers: int, *, in_order: bool) -> "DecodeOptions":
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
        view: what is shown.
        fields: of a batch.
        draws: what the view draws.
    """

    samples: NDArray[np.int64]
    batch_size: int
    reach: int
    view: BoundView
    fields: Sequence[str]
    draws: Draws


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

    def __init__(self, split: Split, visits: Visits, options: DecodeOptions, memory: Memory) -> None:
        self._split, self._visits, self._options, self._memory = split, visits, options, memory
        self._decoded = decoded_fields(visits.fields)
        self._slab_size = visits.batch_size * _slab_batches(visits.reach)
        self._schedule = Schedule(split.chunks_of(visits.samples), visits.batch_size, visits.reach)
        self._slabs: dict[int, _Slab] = {}
        self._tasks: defaultdict[int, list[Future[None]]] = defaultdict(list)
        self._copied = self._is_copying()
        threads = _cores() if options.threads is None else options.threads
        self._threads = ThreadPoolExecutor(threads, "faceshards") if threads else _AtOnce()

    def __iter__(self) -> Iterator[tuple[Batch, int]]:
        begun = 0
        total = -(-len(self._visits.samples) // self._visits.batch_size)
        for batch in range(total):
            while begun < min(batch + self._options.ahead, total):
                self._begin(begun)
                begun += 1
            yield self._finish(batch)

    def stop(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self, batch: int) -> None:
        if not self._decoded:
            return
        tasks = list(self._schedule.tasks(batch))
        together = _COPIED_TOGETHER if self._copied else 1
        for start in range(0, len(tasks), together):
            some = tasks[start : start + together]
            visits = np.concatenate([task.visits for task in some]) if len(some) > 1 else some[0].visits
            slabs = {number: self._slab(number) for number in _stretches(visits, self._slab_size)}
            future = self._threads.submit(self._fill_all, some, visits, slabs)
            for served in _stretches(visits, self._visits.batch_size):
                self._tasks[served].append(future)

    def _is_copying(self) -> bool:
        """Whether to read is to copy, of which a thread is given more at a time."""
        try:
            return self._split.copies(self._decoded, self._visits.view)
        except FaceShardsError:  # which who reads it will raise
            return False

    def _slab(self, number: int) -> _Slab:
        if number not in self._slabs:
            n = min(self._slab_size, len(self._visits.samples) - number * self._slab_size)
            fields = self._visits.view.fields
            arrays = {name: self._memory.take((n, *fields[name][0]), fields[name][1]) for name in self._decoded}
            self._slabs[number] = _Slab(arrays, np.ones(n, np.bool_))
        return self._slabs[number]

    def _fill_all(self, tasks: Sequence[ChunkTask], visits: NDArray[np.int64], slabs: dict[int, _Slab]) -> None:
        """In a thread: all of some tasks."""
        if not (self._copied and len(slabs) == 1 and self._copy_run(visits, slabs)):
            for task in tasks:
                self._fill(task, slabs)

    def _copy_run(self, visits: NDArray[np.int64], slabs: dict[int, _Slab]) -> bool:
        """Copy neighbours at one go; where they are none, or anything is wrong, chunks are to be read one by one."""
        if not (visits[1:] - visits[:-1] == 1).all():
            return False
        ((number, slab),) = slabs.items()
        start = int(visits[0]) - number * self._slab_size
        arrays = {name: values[start : start + len(visits)] for name, values in slab.arrays.items()}
        try:
            return self._split.copy_run(self._visits.samples[visits], arrays)
        except FaceShardsError:
            return False

    def _fill(self, task: ChunkTask, slabs: dict[int, _Slab]) -> None:
        """Decode a chunk and hand its samples to the batches that want them."""
        visits, view = task.visits, self._visits.view
        rows = self._split.layout.rows[self._visits.samples[visits]]
        if (rows[1:] < rows[:-1]).any():
            order = np.argsort(rows, kind="stable")
            rows, visits = rows[order], visits[order]
        samples = self._visits.samples[visits]
        parts = [Part(start, slabs[slab].arrays, slice(to, to + n)) for start, slab, to, n in self._runs(rows, visits)]
        keys = None if view.stream is None else self._visits.draws.keys(self._split.ids[samples].tolist(), view.stream)
        try:
            self._split.decode_to(parts, samples, task.chunk, self._decoded, view, keys)
        except (MissingShardError, CorruptShardError) as error:  # and not for want of a network or of room
            if self._options.on_error == "raise" or isinstance(error, ReplacedStoreError):
                raise
            _log.warning("%d samples are left out: %s", len(samples), error)
            for number, slab in slabs.items():
                slab.good[visits[visits // self._slab_size == number] % self._slab_size] = False

    def _runs(self, rows: NDArray[np.int64], visits: NDArray[np.int64]) -> Iterator[tuple[int, int, int, int]]:
        """Neighbours in the chunk that are neighbours in a slab: the first, the slab, the place in it, how many."""
        slabs, at = np.divmod(visits, self._slab_size)
        together = (rows[1:] - rows[:-1] == 1) & (visits[1:] - visits[:-1] == 1) & (slabs[1:] == slabs[:-1])
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
        found = arrays | self._split.known(samples, self._visits.fields)
        return {name: found[name] for name in self._visits.fields}, dropped


def _stretches(visits: NDArray[np.int64], size: int) -> list[int]:
    """Which stretches of so many visits they lie in."""
    first, last = int(visits.min()) // size, int(visits.max()) // size
    return [first] if first == last else sorted(set((visits // size).tolist()))


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

"""`faceshards.Loader`: epochs of batches as tensors. Needs ``faceshards[torch]`` once one is made."""

import logging
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from faceshards.checks import flag, whole_number
from faceshards.counted import counted
from faceshards.errors import MissingExtraError, ParamsError
from faceshards.loader.batches import order_of
from faceshards.loader.dataset import Dataset
from faceshards.loader.decoding import DecodeOptions, OnError
from faceshards.loader.memory import Memory, Pool
from faceshards.loader.opening import as_dataset
from faceshards.loader.peeks import Peeks
from faceshards.loader.position import Position, Progress, restored, saved
from faceshards.loader.ranks import own_rank
from faceshards.loader.sampling import Sampling, Shuffle, Uneven
from faceshards.loader.trainersampler import TrainerSampler
from faceshards.loader.views import View

if TYPE_CHECKING:
    from faceshards.loader.epoch import Begun, Epoch
    from faceshards.loader.tensors import Turn
    from faceshards.loader.workers import Workers

_WORKER_LOST_AFTER_S = 120.0
_log = logging.getLogger(__name__)


class Loader:
    """Epochs of batches as tensors, from this process's threads or from workers.

    Two lines of use::

        loader = faceshards.Loader("data/shards", 128, shuffle=True, view="erase", num_workers=4)
        for batch in loader: batch["image"], batch["label"]  # (128, 112, 112, 3) uint8, (128,) int64

    Each ``iter(loader)`` begins the next epoch, whether the last one was finished, broken off or only peeked at: in
    another order where it shuffles, and with other draws where the view draws. Both follow from the seed, the epoch and
    the sample's id, so they are the same with any number of workers. Only `load_state_dict` makes the next iteration
    begin in the middle. Several iterators of one loader do not disturb each other; with `persistent_workers` a new one
    ends the one before.

    It is no subclass of torch's DataLoader: it finds its rank itself, and no trainer shards it a second time.

    A batch is a dict: `image` (B, 112, 112, 3) uint8 RGB, `region` (B, 112, 112) uint8 ids of `Region`, 255 for none,
    `label` (B,) int64 what to train a classifier on, 0 to `num_identities` - 1 and -1 where the person is not known,
    `identity` (B,) int64 the person's class id, `sample_id` a list of B str; with a view that erases also `erased` (B,)
    uint32 bit masks.

    Args:
        dataset: path or URL of a store, or what `faceshards.open` gave.
        batch_size: samples a batch; the last one may hold fewer.
        split: name of the split; None for ``"train"``, or that of `dataset` where it is open.
        fields: what batches hold; None for those given to `open`, or else all that the view has to show.
        view: ``"original"``: the faces. ``"variants"``: one stored erased variant a visit in place of `image`.
            ``"all_variants"``: `image`, and all K variants in `variant`. ``"erase"`` or an `Erase`: regions erased on
            the fly. None for the one given to `open`, or ``"original"``.
        shuffle: True mixes random chunks within a window (a `Shuffle` sets its size), False keeps the order of the
            store, ``"full"`` is a random permutation, which decodes a chunk for nearly every sample.
        seed: of the order, and of what the view draws.
        epoch: None to count; a number for a loader of which every iteration is that epoch, whatever a trainer sets: an
            evaluation that draws the same each time.
        drop_last: leave out a last batch that is not full.
        rank: this process's number among those that share the samples; None for that of `torch.distributed` where it is
            initialised, or else of the environment (``RANK``, ``WORLD_SIZE``), when an iteration starts.
        world_size: how many there are; given with `rank` or not at all.
        uneven: what becomes of samples that do not divide among the ranks: ``"pad"`` shows some twice, ``"drop"``
            leaves them out, ``"keep"`` gives some ranks one more.
        num_workers: processes that decode; 0 for the threads of this one, which are faster unless the trainer keeps
            Python busy.
        threads: that decode, in each process. None: one a core without workers; in a worker one if shuffled, else none.
        prefetch_factor: batches worked on ahead of the trainer. None: 2 by each worker, or 4 by the threads.
        pin_memory: copy batches to page-locked memory, for a GPU; None for where CUDA is there.
        persistent_workers: workers live on between epochs, which spares starting them.
        multiprocessing_context: how workers start: ``"fork"``, ``"spawn"``, ``"forkserver"`` or a context of
            `multiprocessing`; None for Python's own.
        timeout: seconds after which a worker that is silent, but alive, counts as lost; one that dies is told in
            some seconds.
        on_error: ``"raise"``, or ``"skip"`` samples whose chunk is missing or damaged: they are logged, and counted in
            `skipped`.

    Attributes:
        dataset: what is read.

    Raises:
        MissingExtraError: torch is not installed.
        ParamsError: an argument is out of its range, or there is no such split, field or view.
        StoreFormatError, MissingShardError, CorruptShardError, DownloadError, CacheError: as `faceshards.open`.
    """

    def __init__(
        self,
        dataset: Dataset | str | Path,
        batch_size: int,
        *,
        split: str | None = None,
        fields: Sequence[str] | None = None,
        view: View | None = None,
        shuffle: bool | Literal["full"] | Shuffle = False,
        seed: int = 0,
        epoch: int | None = None,
        drop_last: bool = False,
        rank: int | None = None,
        world_size: int | None = None,
        uneven: Uneven = "pad",
        num_workers: int = 0,
        threads: int | None = None,
        prefetch_factor: int | None = None,
        pin_memory: bool | None = None,
        persistent_workers: bool = False,
        multiprocessing_context: str | BaseContext | None = None,
        timeout: float = _WORKER_LOST_AFTER_S,
        on_error: OnError = "raise",
    ) -> None:
        _refuse_without_torch()
        # What needs torch is imported where it is used: who has none may still look at this class.
        from faceshards.loader.tensors import pins
        from faceshards.loader.workers import Plan, WorkerOptions

        self.dataset = as_dataset(dataset, split)
        workers = whole_number("num_workers", num_workers, 0)
        ahead = None if prefetch_factor is None else whole_number("prefetch_factor", prefetch_factor, 1)
        self._given_rank = rank, world_size
        ranks = (0, 1) if self._given_rank == (None, None) else own_rank(rank, world_size)
        self._sampling = Sampling(batch_size, shuffle, seed, 0, drop_last, *ranks, uneven)
        options = DecodeOptions(threads, None if workers else ahead, on_error)
        self._plan = Plan(*self.dataset.bound(fields, view), options)
        persistent = flag("persistent_workers", persistent_workers)
        self._worker_options = WorkerOptions(workers, persistent, ahead, timeout, multiprocessing_context)
        self._pin = pins(pin_memory)
        self._memory: Memory = Pool()
        self._progress = Progress(None if epoch is None else whole_number("epoch", epoch, 0))
        self._peeks = Peeks()
        self._newest: weakref.ref[Epoch] | None = None
        self._running: weakref.ref[Epoch] | None = None
        self._live: Workers | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A copy starts workers of its own.
        return self.__dict__ | dict.fromkeys(("_newest", "_running", "_live")) | {"_memory": Pool()}

    def __repr__(self) -> str:
        of = f"{str(self.dataset.store.path)!r}, {self.batch_size}, split={self.dataset.split!r}"
        how = f"shuffle={self._sampling.shuffle!r}, view={self._plan.view.view!r}, num_workers={self.num_workers}"
        return f"Loader({of}, {how}): {counted(len(self), 'batch', 'batches')} of {counted(len(self.dataset), 'face')}"

    def __len__(self) -> int:
        """Batches of a whole epoch of this rank."""
        return self._sampling_here().batches(len(self.dataset))

    @property
    def batch_size(self) -> int:
        """Samples a batch; the last one may hold fewer."""
        return self._sampling.batch_size

    @property
    def drop_last(self) -> bool:
        """Whether a last batch that is not full is left out."""
        return self._sampling.drop_last

    @property
    def num_workers(self) -> int:
        """Processes that decode."""
        return self._worker_options.number

    @property
    def prefetch_factor(self) -> int | None:
        """Batches worked on ahead, as it was given."""
        return self._worker_options.prefetch

    @property
    def skipped(self) -> int:
        """Samples that were left out of the epoch so far because their chunk cannot be read (`on_error`)."""
        return self._progress.skipped

    @property
    def sampler(self) -> TrainerSampler:
        """For trainers that tell their epoch by ``loader.sampler.set_epoch(epoch)``, as Lightning does."""
        return TrainerSampler(self._progress, self._sampling_here().samples(len(self.dataset)))

    @property
    def batch_sampler(self) -> TrainerSampler:
        """The same; its length is that of the loader."""
        return TrainerSampler(self._progress, len(self))

    def set_epoch(self, epoch: int) -> None:
        """The next iteration is of this epoch: from its start, or where a loaded position says, if that is in it.

        It has no effect on a loader that was made with an `epoch` of its own.

        Raises:
            ParamsError: it is no whole number of 0 or more.
        """
        self._progress.set_epoch(whole_number("epoch", epoch, 0))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The next epoch, or what is left of the one that a loaded position lies in.

        Which one that is, and the rank, is settled when the first batch is asked for. Reading on raises:
            LostBatchError: a batch that was promised did not arrive.
            MissingShardError, CorruptShardError: what is asked for cannot be read.
            IteratorEndedError: a later iterator has taken over its persistent workers.
        """
        from faceshards.loader.epoch import Epoch

        epoch = Epoch(self._begin, pin=self._pin)
        self._newest = weakref.ref(epoch)
        return epoch

    def _begin(self, epoch: "Epoch") -> "Begun":
        from faceshards.loader.epoch import Begun

        sampling = self._sampling_here(strict=True)
        total = sampling.batches_told(len(self.dataset))
        if sampling.world_size > 1 and self._given_rank == (None, None):
            found = f"rank {sampling.rank} of {sampling.world_size}: {sampling.samples(len(self.dataset))}"
            _log.info("%s of %d faces; rank=0, world_size=1 gives all", found, len(self.dataset))
        start, moved = self._progress.begin()
        shared = sampling.world_size > 1 and sampling.shuffle and self._progress.fixed is None
        if shared and 0 < self._progress.left < total:
            moved = self._peeks.watched(moved, self._progress.left)
        before = None if self._running is None else self._running()
        if self._worker_options.persistent and before is not None:
            before.take_over()
        self._running = weakref.ref(epoch)
        make, take_back = partial(self._turns, sampling, start), partial(self._progress.take_back, start)
        return Begun(make, start, total, moved, take_back)

    def _turns(self, sampling: Sampling, start: Position) -> "Iterator[Turn]":
        from faceshards.loader.tensors import OwnTurns
        from faceshards.loader.workers import Workers

        options = self._worker_options
        if not options.number:
            return OwnTurns(self._plan.batches(sampling, start, self._plan.options, self._memory), start.batches_done)
        if not options.persistent:
            return Workers(self._plan, sampling, options).begin(sampling, start)
        if self._live is not None:
            try:
                return self._of_live(self._live.begin(sampling, start))
            except RuntimeError as error:  # torch's: what it has begun with them by then cannot be taken up again
                _log.warning("other workers are started, as those of the last epoch do not begin another: %s", error)
        self._live = Workers(self._plan, sampling, options)
        return self._of_live(self._live.begin(sampling, start))

    def _of_live(self, turns: "Iterator[Turn]") -> "Iterator[Turn]":
        try:
            yield from turns
        except Exception:
            self._live = None  # one of them may be dead: the next iteration starts others
            raise

    def state_dict(self) -> dict[str, Any]:
        """Where the trainer is, in JSON values: after the batch that was handed out last, by whichever iterator.

        After an epoch's last batch, and where a new iterator has taken the place of the last one, it is the start of
        what comes next.
        """
        sampling = self._sampling_here()
        newest, running = (None if found is None else found() for found in (self._newest, self._running))
        waiting = newest is not None and not newest.started and (running is None or running.finished)
        here, following = self._progress.here(sampling.batches(len(self.dataset)), waiting=waiting)
        return saved(here, order_of(self._plan.split, sampling)) | {"next_epoch": following}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another loader was; the next iteration begins there.

        Raises:
            ParamsError: it is no saved position, or the other one visits the samples in another order.
        """
        position = restored(state, order_of(self._plan.split, self._sampling_here()))
        if "next_epoch" not in state:
            raise ParamsError("this position was saved by Dataset.batches; load it into what batches() gives")
        following = whole_number("next_epoch of a saved position", state["next_epoch"], 0)
        fixed, total = self._progress.fixed, len(self)
        if position.batches_done > total:
            raise ParamsError(f"the saved position is batch {position.batches_done} of an epoch of {total}")
        if fixed is not None and position.epoch != fixed:
            raise ParamsError(f"the saved position is in epoch {position.epoch}; this loader has only epoch={fixed}")
        self._progress.load(position, following)

    def _sampling_here(self, *, strict: bool = False) -> Sampling:
        rank, world_size = own_rank(*self._given_rank, strict=strict)
        return replace(self._sampling, rank=rank, world_size=world_size)


def _refuse_without_torch() -> None:
    try:
        import torch  # noqa: F401 (to see whether it is there)
    except ModuleNotFoundError as error:
        needs = f"faceshards.Loader needs an extra: pip install 'faceshards[torch]' ({error})"
        raise MissingExtraError(needs) from error

"""One iteration of a `Loader`: every batch that was promised, in order, or an error. Needs torch."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from faceshards.counted import counted
from faceshards.errors import FaceShardsError, IteratorEndedError, LostBatchError
from faceshards.loader.ahead import Ahead
from faceshards.loader.batches import is_empty
from faceshards.loader.position import Position
from faceshards.loader.tensors import Turn

_SHARED_MEMORY = Path("/dev/shm")
_REMEDY = (
    ". Give the container more memory (docker run --shm-size=8g --memory=...), or use fewer workers, or none: "
    "num_workers=0"
)


class Begun(NamedTuple):
    """An iteration that was started.

    Attributes:
        make: begins to make its batches, whatever carries them.
        start: where in the epoch they begin.
        total: how many batches the whole epoch has.
        moved: to be called with the position after every batch that is handed out.
        take_back: to be called where it fails before its first batch.
    """

    make: Callable[[], Iterator[Turn]]
    start: Position
    total: int
    moved: Callable[[Position], None]
    take_back: Callable[[], None]


class Epoch(Iterator[dict[str, Any]]):
    """The batches of one epoch as a trainer gets them; threads may share it.

    It starts when the first batch is asked for, since trainers make iterators that they never use.

    Args:
        begin: starts the iteration.
        pin: copy batches to page-locked memory.
    """

    def __init__(self, begin: Callable[["Epoch"], Begun], *, pin: bool) -> None:
        self._begin, self._pin = begin, pin
        self._begun: Begun | None = None
        self._turns: Iterator[Turn] | None = None
        self._position = Position(0)
        self._taken_over = self._failed = False
        self._lock = Lock()

    @property
    def started(self) -> bool:
        """Whether a batch was asked for."""
        return self._begun is not None

    @property
    def finished(self) -> bool:
        """Whether the last batch was handed out."""
        return self._begun is not None and self._position.batches_done >= self._begun.total

    def __next__(self) -> dict[str, Any]:
        with self._lock:
            if self._begun is None:
                self._begun = self._begin(self)
                self._position = self._begun.start
            begun = self._begun
            try:
                return self._next_tensors(begun)
            except StopIteration:
                raise
            except BaseException:
                if self._turns is None:
                    self._begun = None
                if self._position == begun.start:
                    begun.take_back()
                raise

    def take_over(self) -> None:
        """Another iteration uses this one's workers from now on."""
        self._taken_over = True
        if isinstance(self._turns, Ahead):
            self._turns.close()

    def _next_tensors(self, begun: Begun) -> dict[str, Any]:
        if self._turns is None:
            made = begun.make()
            self._turns = Ahead(made, Turn.pinned) if self._pin else made
        while True:
            turn = self._next_turn(begun, self._turns)
            done, skipped = self._position.batches_done + 1, self._position.skipped + turn.skipped
            self._position = Position(self._position.epoch, done, skipped)
            begun.moved(self._position)
            if not is_empty(turn.tensors):
                return turn.tensors

    def _next_turn(self, begun: Begun, turns: Iterator[Turn]) -> Turn:
        here = f"batch {self._position.batches_done} of {begun.total} of epoch {self._position.epoch}"
        if self.finished:
            # Read to the end all the same, which lets the workers end.
            if not (self._taken_over or self._failed) and next(turns, None) is not None:
                raise LostBatchError(
                    f"epoch {self._position.epoch} has {counted(begun.total, 'batch', 'batches')}, and one more arrived"
                )
            raise StopIteration
        if self._taken_over:
            raise IteratorEndedError(
                f"this iterator stood at {here} when another one of the same Loader took over its workers; use one at "
                "a time, or a Loader without persistent_workers"
            )
        if self._failed:
            raise IteratorEndedError(f"this iterator ended with an error at {here}; begin another one")
        self._failed = True  # unless all goes well
        try:
            turn = next(turns, None)
        except RuntimeError as error:
            if isinstance(error, FaceShardsError) or "DataLoader" not in str(error):
                raise
            raise LostBatchError(f"{here} did not arrive: {error}{_REMEDY}{_shared_memory()}") from error
        if turn is None or turn.number != self._position.batches_done:
            raise LostBatchError(
                f"{here} did not arrive; the worker that made it says why above, or ran out of memory"
                f"{_REMEDY}{_shared_memory()}"
            )
        self._failed = False
        return turn


def _shared_memory() -> str:
    """How large /dev/shm is, which containers limit to 64 MB."""
    try:
        found = os.statvfs(_SHARED_MEMORY)
    except (OSError, AttributeError):
        return ""
    size, free = (blocks * found.f_frsize / 1e6 for blocks in (found.f_blocks, found.f_bavail))
    return f". {_SHARED_MEMORY} has {size:,.0f} MB, {free:,.0f} MB of them free"

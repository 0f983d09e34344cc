"""One iteration of a `Loader`: every batch that was promised, in order, or an error. Needs torch."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from faceshards.errors import IteratorEndedError, LostBatchError
from faceshards.loader.ahead import Ahead
from faceshards.loader.batches import is_empty
from faceshards.loader.position import Position
from faceshards.loader.tensors import Turn

_SHARED_MEMORY = Path("/dev/shm")


class Begun(NamedTuple):
    """An iteration that was started.

    Attributes:
        turns: its batches, whatever carries them.
        start: where in the epoch they begin.
        total: how many batches the whole epoch has.
    """

    turns: Iterator[Turn]
    start: Position
    total: int


class Epoch(Iterator[dict[str, Any]]):
    """The batches of one epoch as a trainer gets them.

    It starts when the first batch is asked for, since trainers make iterators that they never use.

    Args:
        begin: starts the iteration.
        moved: called with the position after every batch that is handed out.
        pin: copy batches to page-locked memory.
    """

    def __init__(self, begin: Callable[["Epoch"], Begun], moved: Callable[[Position], None], *, pin: bool) -> None:
        self._begin, self._moved, self._pin = begin, moved, pin
        self._turns: Iterator[Turn] | None = None
        self._position, self._total = Position(0), 0
        self._taken_over = False

    @property
    def started(self) -> bool:
        """Whether a batch was asked for."""
        return self._turns is not None

    def __next__(self) -> dict[str, Any]:
        if self._turns is None:
            turns, self._position, self._total = self._begin(self)
            self._turns = Ahead(turns, Turn.pinned) if self._pin else turns
        while True:
            turn = self._next_turn(self._turns)
            done, skipped = self._position.batches_done + 1, self._position.skipped + turn.skipped
            self._position = Position(self._position.epoch, done, skipped)
            self._moved(self._position)
            if not is_empty(turn.tensors):
                return turn.tensors

    def take_over(self) -> None:
        """Another iteration uses this one's workers from now on."""
        self._taken_over = True
        if isinstance(self._turns, Ahead):
            self._turns.close()

    def _next_turn(self, turns: Iterator[Turn]) -> Turn:
        if self._position.batches_done == self._total:
            # Read to the end all the same, which lets the workers end.
            if not self._taken_over and next(turns, None) is not None:
                raise LostBatchError(f"epoch {self._position.epoch} has {self._total} batches, and one more arrived")
            raise StopIteration
        if self._taken_over:
            raise IteratorEndedError(
                f"this iterator stood at batch {self._position.batches_done} of {self._total} of epoch "
                f"{self._position.epoch} when another one of the same Loader took over its workers; use one at a time, "
                "or a Loader without persistent_workers"
            )
        turn = next(turns, None)
        if turn is None or turn.number != self._position.batches_done:
            raise LostBatchError(
                f"batch {self._position.batches_done} of {self._total} of epoch {self._position.epoch} did not arrive; "
                f"the worker that made it says why above, or ran out of memory{_shared_memory()}. Give the container "
                "more (docker run --shm-size=8g --memory=...), or use fewer workers, or none: num_workers=0"
            )
        return turn


def _shared_memory() -> str:
    """How large /dev/shm is, which containers limit to 64 MB."""
    try:
        found = os.statvfs(_SHARED_MEMORY)
    except (OSError, AttributeError):
        return ""
    size, free = (blocks * found.f_frsize / 1e6 for blocks in (found.f_blocks, found.f_bavail))
    return f": {_SHARED_MEMORY} has {size:,.0f} MB, {free:,.0f} MB of them free"

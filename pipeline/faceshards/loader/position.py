"""Where in an epoch a reader is: counted, and as JSON values that can be saved and taken up again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from faceshards.checks import whole_number
from faceshards.errors import ParamsError

_VERSION = 1
_NUMBERS = ("epoch", "batches_done", "skipped")


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two batches.

    Attributes:
        epoch: number of the epoch.
        batches_done: how many batches of it were handed out.
        skipped: how many samples were left out of them because their chunk cannot be read.
    """

    epoch: int
    batches_done: int = 0
    skipped: int = 0


def saved(position: Position, order: Mapping[str, Any]) -> dict[str, Any]:
    """A position and what it depends on: `order` tells the samples and how they are ordered."""
    return {"version": _VERSION, **order, **asdict(position)}


def restored(state: Mapping[str, Any], order: Mapping[str, Any]) -> Position:
    """Read what `saved` gave.

    Raises:
        ParamsError: it is no saved position, or it belongs to another order of samples.
    """
    here = {"version": _VERSION, **order}
    if not isinstance(state, Mapping) or (lacking := [name for name in (*here, *_NUMBERS) if name not in state]):
        found = f"it lacks {', '.join(lacking)}" if isinstance(state, Mapping) else f"found {type(state).__name__}"
        raise ParamsError(f"this is no saved position, as state_dict() gives it: {found}")
    if wrong := _differing(state, here):
        raise ParamsError(
            f"the saved position belongs to another order of samples: {'; '.join(wrong)}. Use the options that it was "
            "saved with, or begin an epoch anew: set_epoch(...)"
        )
    numbers = {name: state[name] for name in _NUMBERS}
    return Position(**{name: whole_number(f"{name} of a saved position", n, 0) for name, n in numbers.items()})


def _differing(state: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What is not as it was, option by option."""
    parts = {name: value for name, value in here.items() if state[name] != value}
    inner = parts.pop("sampling", None)
    told = [f"{name} was {state[name]}, here {value}" for name, value in parts.items()]
    if inner is not None:
        was = state["sampling"] if isinstance(state["sampling"], Mapping) else {}
        told += [f"{name} was {was.get(name)}, here {value}" for name, value in inner.items() if was.get(name) != value]
    return told


class Progress:
    """Which epoch a loader begins next, and where in it or before it the trainer is.

    Args:
        fixed: the one epoch of a loader that does not count; None to count 0, 1, 2 and so on.
    """

    def __init__(self, fixed: int | None) -> None:
        self._fixed = fixed
        self._last: Position | None = None  # after the batch that was handed out last
        self._next = Position(fixed or 0)
        self._following = self._after(self._next)  # the epoch after `_next`

    def begin(self) -> Position:
        """Where the iteration that starts now begins; the one after it is of the next epoch."""
        start, self._next = self._next, Position(self._following)
        self._following = self._after(self._next)
        self._last = start
        return start

    def moved(self, position: Position) -> None:
        """A batch was handed out."""
        self._last = position

    def set_epoch(self, epoch: int) -> None:
        """The next iteration is of this epoch; a loaded position in it stays, and so does a fixed epoch."""
        if self._fixed is not None or self._next.epoch == epoch:
            return
        self._next, self._following = Position(epoch), epoch + 1
        if self._last is not None and self._last.epoch != epoch:
            self._last = None

    def here(self, total: int, *, waiting: bool) -> tuple[Position, int]:
        """Where the trainer is, and the epoch after that.

        Args:
            total: batches of an epoch; after the last of them it is the start of the next one.
            waiting: a new iterator was made and not started: it is the start of what comes next.
        """
        if self._last is None or waiting or self._last.batches_done >= total:
            return self._next, self._following
        return self._last, self._next.epoch

    def load(self, position: Position, following: int) -> None:
        """The next iteration begins there, and the one after it is of the epoch `following`."""
        self._next, self._last = position, None
        self._following = following if self._fixed is None else self._fixed

    def _after(self, position: Position) -> int:
        return position.epoch + 1 if self._fixed is None else self._fixed

"""Where in an epoch a reader is: counted, and as JSON values that can be saved and taken up again."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from threading import Lock
from typing import Any

from faceshards.checks import whole_number
from faceshards.errors import ParamsError

_VERSION = 1
_ROUND = 1 << 32  # epochs that a trainer tells are below
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

    Threads may share it. A trainer may tell each of its epochs and go through the loader more than once in one of them:
    the rounds are then epochs of their own, e, e + 2**32, e + 2 * 2**32 and so on.

    Args:
        fixed: the one epoch of a loader that does not count; None to count 0, 1, 2 and so on.

    Attributes:
        left: batches that the iteration before the newest one had given when that began; 0 where somebody has said
            since in which epoch that is.
    """

    def __init__(self, fixed: int | None) -> None:
        self.fixed = fixed
        self._step = 1 if fixed is None else 0
        self._last: Position | None = None  # after the batch that was handed out last
        self._next = self._after_begun = Position(fixed or 0)
        self._following = self._next.epoch + self._step  # the epoch after `_next`
        self.left = 0
        self._told = False  # since the newest iteration began, somebody said which epoch the next one is
        self._generation = 0  # an iteration that began before something was set or loaded moves nothing any more
        self._lock = Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = Lock()

    @property
    def skipped(self) -> int:
        """Samples that were left out of the batches that were handed out last."""
        return 0 if self._last is None else self._last.skipped

    def begin(self) -> tuple[Position, Callable[[Position], None]]:
        """Where the iteration that starts now begins, and what to call after every batch with the new position."""
        with self._lock:
            start, self._next = self._next, Position(self._following)
            self._following = self._next.epoch + self._step
            self.left = 0 if self._told or self._last is None else self._last.batches_done
            self._last, self._after_begun, self._told = start, self._next, False
            return start, partial(self._moved, self._generation)

    def take_back(self, start: Position) -> None:
        """The iteration that began there failed before its first batch, and uses up no epoch.

        Not where another one has begun since, or an epoch was set or a position loaded.
        """
        with self._lock:
            if self._last is start and self._next is self._after_begun:
                self._next, self._following, self._last = start, self._next.epoch, None

    def set_epoch(self, epoch: int, *, of_trainer: bool = False) -> None:
        """The next iteration is of this epoch; a loaded position in it stays, and so does a fixed epoch.

        Args:
            epoch: its number.
            of_trainer: iterations that follow without another call are rounds of this epoch.
        """
        if self.fixed is not None:
            return
        with self._lock:
            self._told = True
            self._step = _ROUND if of_trainer else 1
            if of_trainer and self._next.epoch % _ROUND == epoch:
                self._following = self._next.epoch + _ROUND
                return
            if self._next.epoch == epoch:
                return
            self._next, self._following = Position(epoch), epoch + self._step
            if self._last is not None and self._last.epoch != epoch:
                self._last = None
                self._generation += 1

    def here(self, total: int, *, waiting: bool) -> tuple[Position, int]:
        """Where the trainer is, and the epoch after that.

        Args:
            total: batches of an epoch; after the last of them it is the start of the next one.
            waiting: a new iterator has taken the place of the last one: it is the start of what comes next.
        """
        with self._lock:
            if self._last is None or waiting or self._last.batches_done >= total:
                return self._next, self._following
            return self._last, self._next.epoch

    def load(self, position: Position, following: int) -> None:
        """The next iteration begins there, and the one after it is of the epoch `following`."""
        with self._lock:
            self._next, self._last, self._told = position, None, True
            self._following = following if self.fixed is None else self.fixed
            self._generation += 1

    def _moved(self, generation: int, position: Position) -> None:
        with self._lock:
            if generation == self._generation:
                self._last = position

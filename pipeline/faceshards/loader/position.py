"""Where in an epoch a reader is, as JSON values that can be saved and taken up again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from faceshards.checks import whole_number
from faceshards.errors import ParamsError

_VERSION = 1


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
    if wrong := [name for name, value in here.items() if state.get(name) != value]:
        raise ParamsError(
            "the saved position belongs to another order of samples: "
            + "; ".join(f"{name} was {state.get(name)}, here {here[name]}" for name in wrong)
            + ". Use the options that it was saved with, or begin an epoch anew: set_epoch(...)"
        )
    numbers = {name: state.get(name) for name in ("epoch", "batches_done", "skipped")}
    return Position(**{name: whole_number(f"{name} of a saved position", n, 0) for name, n in numbers.items()})

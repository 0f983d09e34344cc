"""Rows of the table that `make faults` prints: a kind of fault, and how one is injected."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

from outcomes import Outcome

from faceshards.errors import FaceShardsError

Value = TypeVar("Value")
Try: TypeAlias = tuple[Outcome, str]
"""What became of a fault, and what it was."""

Tries: TypeAlias = Callable[[Path, int, random.Random], Iterator[Try]]
"""Injects faults in an empty folder, at most so many (0: as many as there are), each drawn from the generator."""


@dataclass(frozen=True)
class Row:
    """One kind of fault.

    Attributes:
        times: how many `make faults` tries; 0 where the kind has a number of its own.
        about: what is done, in a line.
    """

    name: str
    times: int
    about: str
    tries: Tries


def attempt(what: str, read: Callable[[], Value], sound: Value) -> Try:
    """Read something damaged: what comes is what it is without the damage, or an error of the project's."""
    try:
        found = read()
    except FaceShardsError as error:
        return Outcome.NAMED, f"{what}: {error}"
    except Exception as error:
        return Outcome.FAILED, f"{what}: {type(error).__name__}: {error}"
    return (Outcome.HELD, what) if found == sound else (Outcome.FAILED, f"{what}: something else, without a word")


def damaged(data: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Bytes of which one bit is flipped, some are lost, some are zeros, or some are too many."""
    at = rng.randrange(len(data))
    length = rng.choice([1, 4, 64, 512])
    match rng.choice(["flip", "flip", "cut", "lost", "zeros", "more", "empty"]):
        case "flip":
            return f"bit flipped at {at}", data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        case "cut":
            return f"cut at {at}", data[:at]
        case "lost":
            return f"{length} bytes lost at {at}", data[:at] + data[at + length :]
        case "zeros":
            zeros = bytes(min(length, len(data) - at))
            return f"{len(zeros)} zeros at {at}", data[:at] + zeros + data[at + len(zeros) :]
        case "more":
            return f"{length} bytes more at {at}", data[:at] + rng.randbytes(length) + data[at:]
    return "empty", b""

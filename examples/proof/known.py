"""The pairs that results.csv is about, with numbers in place of people, so that its figures can be had without LFW."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from examples.proof.lfw import HalfName
from examples.recognition.verification.protocol import IntArray, Pairs
from faceshards.errors import SourceFormatError, SourceNotFoundError
from faceshards.store.durable import write_file

PAIRS = "pairs.csv"

_COLUMNS = ("half", "fold", "same", "first_person", "second_person")


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """The pairs of a half and who is on them.

    Attributes:
        pairs: see `examples.proof.lfw.Half`.
        person: (2, P) int64 of the first and second faces, from 0.
        people: how many.
    """

    pairs: Pairs
    person: IntArray
    people: int

    @classmethod
    def of(cls, pairs: Pairs, names: Sequence[str] | NDArray[np.str_]) -> "Known":
        """Of pairs by sample, and the person of each sample."""
        both = np.asarray(names)[np.stack([pairs.first, pairs.second])]
        people, person = np.unique(both, return_inverse=True)
        return cls(pairs, person.reshape(both.shape).astype(np.int64), len(people))

    def draw(self, draws: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """How often each pair is in draws of people with replacement: (draws, P).

        Two copies of one photograph are no pair, so a person who is drawn twice has each pair of one person twice. A
        pair of two people is there as often as one of them, whom a coin names in each draw. The product of both would
        give such a pair three times the variance that it has, for people are on two or three of LFW's pairs, whose
        answers hardly depend on each other.
        """
        times = rng.multinomial(self.people, np.full(self.people, 1 / self.people), size=draws)
        first, second = times[:, self.person[0]], times[:, self.person[1]]
        return np.where(rng.random(first.shape) < 0.5, first, second).astype(np.float32)


def write_known(path: Path, known: Mapping[HalfName, Known]) -> None:
    """Write a line a pair.

    Raises:
        SourceFormatError: the file is there, and is of other pairs: of a store that lacks other faces, say.
    """
    lines = [",".join(_COLUMNS)]
    for half, each in known.items():
        columns = np.stack([each.pairs.fold, each.pairs.same, *each.person]).T
        lines += [",".join([half, *map(str, row)]) for row in columns.tolist()]
    text = "\n".join(lines) + "\n"
    if not path.exists():
        write_file(path, text.encode())
    elif path.read_text() != text:
        raise SourceFormatError(
            f"{path}: expected the pairs of this store, found others; trainings of two stores do not go together: "
            "give another folder for the results"
        )


def read_known(path: Path) -> dict[HalfName, Known]:
    """Read what `write_known` wrote; the faces of the pairs are not known, and count as one a pair and side.

    Raises:
        SourceNotFoundError: no such file.
    """
    if not path.is_file():
        raise SourceNotFoundError(f"{path}: expected the pairs that trainings are about; found no such file; run first")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    out: dict[HalfName, Known] = {}
    for half in ("a", "b"):
        own = [[int(row[name]) for name in _COLUMNS[1:]] for row in rows if row["half"] == half]
        fold, same, first, second = np.array(own, np.int64).reshape(-1, 4).T
        faces = np.arange(len(fold))
        pairs = Pairs(faces, faces + len(fold), same.astype(bool), fold)
        out[half] = Known(pairs, np.stack([first, second]), int(max(first.max(), second.max())) + 1)
    return out

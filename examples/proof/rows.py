"""What the trainings gave: a row each in results.csv, and their answers to every pair beside it."""

import csv
import io
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, get_args
from zipfile import BadZipFile

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from examples.proof.arms import Arm
from examples.proof.hidden import HIDDEN
from examples.proof.lfw import HalfName
from examples.proof.measure import Answers
from examples.recognition.train import HeadName
from examples.recognition.verification.protocol import BoolArray
from faceshards.errors import ParamsError, StoreFormatError
from faceshards.store.durable import write_file, written_whole

RESULTS, ANSWERS = "results.csv", "answers"

HALVES: tuple[HalfName, ...] = ("a", "b")

SEEDS = {"small": 5, "middle": 3}
"""Trainings of each arm, head and half that the comparison is to have."""


@dataclass(frozen=True, slots=True, order=True)
class Trial:
    """One training of the comparison; all else is in the settings.

    Attributes:
        net: one of `examples.recognition.nets.NETS`.
        head: softmax or ArcFace.
        seed: of first weights, order and draws; the same for all arms.
        half: who is trained on.
        arm: what is done to their faces.
    """

    net: str
    head: HeadName
    seed: int
    half: HalfName
    arm: Arm

    def __str__(self) -> str:
        return "-".join(map(str, asdict(self).values()))


def all_trials(net: str, seeds: int) -> list[Trial]:
    """All of a comparison, those first that say most: whole seeds of ArcFace, and those of softmax one behind."""
    order = sorted(
        product(range(seeds), get_args(HeadName)), key=lambda each: each[0] + (1.5 if each[1] == "softmax" else 0)
    )
    return [Trial(net, head, seed, half, arm) for seed, head in order for half, arm in product(HALVES, get_args(Arm))]


def is_finished(trials: Collection[Trial]) -> bool:
    """Whether all that the comparison is to have is there."""
    return all(trial in trials for net, seeds in SEEDS.items() for trial in all_trials(net, seeds))


def finished(results: Path) -> dict[Trial, dict[str, str]]:
    """The rows of results.csv by their trial."""
    return {
        Trial(row["net"], row["head"], int(row["seed"]), row["half"], row["arm"]): row  # type: ignore[arg-type]
        for row in read_rows(results / RESULTS)
    }


def read_rows(path: Path) -> list[dict[str, str]]:
    """The lines of a CSV file; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write a CSV file at once and whole; the first line decides the columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_file(path, text.getvalue().encode())


def refuse_others(path: Path, rows: Iterable[Mapping[str, str]], expected: Mapping[str, Any]) -> None:
    """Trainings that differ in what is not compared do not go together.

    Args:
        path: of the file that has the rows.
        rows: some of its lines.
        expected: what a new line would say of the same.

    Raises:
        ParamsError: a line says something else, or nothing.
    """
    for row in rows:
        other = {name: row.get(name) for name, value in expected.items() if row.get(name) != str(value)}
        if other:
            wanted = {name: str(expected[name]) for name in other}
            raise ParamsError(
                f"{path}: expected trainings with {wanted} to add to, found {other} in the line of "
                f"{'-'.join(list(row.values())[:5])}; give another folder"
            )


def refuse_other_processor(results: Path, trial: Trial, processor: str) -> None:
    """The arms of one seed and half are compared in pairs, and must differ in nothing else.

    Raises:
        ParamsError: results.csv has another arm of the trial's net, head, seed and half, of another processor.
    """
    own = [row for other, row in finished(results).items() if replace(other, arm=trial.arm) == trial]
    refuse_others(results / RESULTS, own, {"processor": processor})


def add(results: Path, trial: Trial, row: dict[str, Any], answers: Answers) -> None:
    """Write a training's answers, then its row, at once and whole: a kill leaves both or no row.

    Args:
        results: folder of results.csv.
        trial: which.
        row: what else the row holds; the first row decides the columns.
        answers: of the trial.

    Raises:
        ParamsError: see `refuse_other_processor`.
    """
    results.mkdir(parents=True, exist_ok=True)
    with FileLock(results / ".lock"):
        refuse_other_processor(results, trial, row["processor"])
        with written_whole(results / ANSWERS / f"{trial}.npz") as file:
            np.savez_compressed(
                file,
                scores=answers.scores.astype(np.float16),
                hidden=np.packbits(np.stack([answers.hidden[what] for what in HIDDEN]), axis=1),
                influence=answers.influence.astype(np.float16),
            )
        rows = {**finished(results), trial: {key: str(value) for key, value in (asdict(trial) | row).items()}}
        write_rows(results / RESULTS, list(rows.values()))


def read_answers(results: Path, trial: Trial, pairs: int) -> Answers:
    """What a finished training answered to so many pairs; scores to the three digits that a float16 has.

    Raises:
        StoreFormatError: the row is there, and the file is not, or is damaged, or is of another number of pairs.
    """
    path = results / ANSWERS / f"{trial}.npz"
    if not path.exists():
        raise StoreFormatError(f"{path}: expected the answers of a training that {RESULTS} has; found no such file")
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            scores: NDArray[np.float32] = file["scores"].astype(np.float32)
            if scores.shape != (pairs,):
                raise ValueError(f"scores of shape {scores.shape}, not of {pairs} pairs")
            bits: BoolArray = np.unpackbits(file["hidden"], axis=1, count=len(scores)).astype(bool)
            return Answers(scores, dict(zip(HIDDEN, bits, strict=True)), file["influence"].astype(np.float32))
    except (BadZipFile, EOFError, KeyError, ValueError, zlib.error) as error:
        raise StoreFormatError(
            f"{path}: expected the answers of a training; found a damaged file ({error}); remove it and its line in "
            f"{RESULTS}, and train again"
        ) from None

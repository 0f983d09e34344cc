"""How sure a comparison is: its figures over draws of people and seeds."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count, product
from pathlib import Path
from typing import TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import faceshards
from examples.recognition.compare import Trial, open_folds
from examples.recognition.data import Erasing
from examples.recognition.train import HeadName
from examples.recognition.verification.protocol import (
    BoolArray,
    FloatArray,
    Pairs,
    accepted,
    accuracy,
    all_pairs,
    roc,
)
from faceshards.errors import SourceNotFoundError

METRICS = ("accuracy", "EER", "TAR at FAR 0.1", "TAR at FAR 0.01")
Arm: TypeAlias = tuple[HeadName, Erasing]
ARMS: tuple[Arm, ...] = tuple(product(get_args(HeadName), get_args(Erasing)))


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """The pairs of one fold, by who is on them.

    Attributes:
        pairs: every pair of faces.
        person: (N,) int64 of each face, from 0 through `people` - 1.
        people: how many.
    """

    pairs: Pairs
    person: NDArray[np.int64]
    people: int

    @classmethod
    def of(cls, faces: faceshards.Dataset) -> "Fold":
        """Every pair of a split."""
        names, person = np.unique(faces.identities, return_inverse=True)
        return cls(all_pairs(faces.identities), person.astype(np.int64), len(names))

    def weights(self, times: NDArray[np.int64]) -> NDArray[np.float64]:
        """How often each pair is in a draw that has each person so often: (people,) to (P,).

        Two copies of one photograph are no pair, so a person who is drawn twice has each genuine pair twice.
        """
        first, second = (times[self.person[side]] for side in (self.pairs.first, self.pairs.second))
        return np.where(self.pairs.same, first, first * second).astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What one training gave the pairs of its fold: (P,) scores, and (P,) which were taken for one person."""

    scores: FloatArray
    accepted: BoolArray

    def figures(self, same: BoolArray, weights: FloatArray | None = None) -> NDArray[np.float64]:
        """The `METRICS`; the thresholds of the accuracy stay those of all people."""
        curve = roc(self.scores, same, weights)
        return np.array([accuracy(self.accepted, same, weights), curve.eer, curve.tar_at(0.1), curve.tar_at(0.01)])


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """All trainings of a comparison.

    Attributes:
        folds: by name.
        seeds: how many.
        answers: of each arm, seed and fold.
    """

    folds: Mapping[str, Fold]
    seeds: int
    answers: Mapping[tuple[Arm, int, str], Answers]

    @classmethod
    def read(cls, shards: Path, runs: Path) -> "Comparison":
        """Read what `compare` wrote; a seed that is not finished for all arms and folds is left out.

        Raises:
            SourceNotFoundError: there is no finished seed.
        """
        folds = {name: Fold.of(faces) for name, faces in open_folds(shards).items()}
        answers: dict[tuple[Arm, int, str], Answers] = {}
        for seed in count():
            each = {(arm, name): Trial(seed, name, *arm) for arm, name in product(ARMS, folds)}
            if not all(trial.finished(runs) for trial in each.values()):
                break
            for (arm, name), trial in each.items():
                scores = trial.scores(runs)
                answers[arm, seed, name] = Answers(scores, accepted(scores, folds[name].pairs))
        if not answers:
            raise SourceNotFoundError(f"{runs}: no seed is finished for all arms and folds; run compare first")
        return cls(folds, seed, answers)

    def figures(self) -> NDArray[np.float64]:
        """Means over folds and seeds: (arms, metrics)."""
        weights = dict.fromkeys(self.folds, None)
        return self._mean(weights, np.arange(self.seeds))

    def bootstrap(self, draws: int, seed: int = 0) -> NDArray[np.float64]:
        """The means over draws, with replacement, of the people of each fold and of the seeds.

        All arms see the same draws, so what is hard for all of them cancels in their differences.

        Returns:
            (draws, arms, metrics).
        """
        rng = np.random.default_rng(seed)
        out = np.empty((draws, len(ARMS), len(METRICS)))
        for draw in tqdm(range(draws), desc="bootstrap", disable=not sys.stderr.isatty()):
            weights = {name: fold.weights(_people(fold.people, rng)) for name, fold in self.folds.items()}
            out[draw] = self._mean(weights, rng.integers(self.seeds, size=self.seeds))
        return out

    def _mean(self, weights: Mapping[str, FloatArray | None], seeds: NDArray[np.int64]) -> NDArray[np.float64]:
        chosen, times = np.unique(seeds, return_counts=True)
        every = [
            [
                np.mean([self._figures(arm, seed, name, weights[name]) for name in self.folds], axis=0)
                for seed in chosen.tolist()
            ]
            for arm in ARMS
        ]
        return np.average(every, axis=1, weights=times)

    def _figures(self, arm: Arm, seed: int, fold: str, weights: FloatArray | None) -> NDArray[np.float64]:
        return self.answers[arm, seed, fold].figures(self.folds[fold].pairs.same, weights)


def _people(people: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """How often each person is in a draw; one of a single person, who has nobody to be told from, is drawn again."""
    while True:
        times = rng.multinomial(people, np.full(people, 1 / people))
        if np.count_nonzero(times) > 1:
            return times


def interval(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """The middle 95 % of draws along the first axis: (draws, ...) to (2, ...)."""
    return np.percentile(draws, [2.5, 97.5], axis=0)

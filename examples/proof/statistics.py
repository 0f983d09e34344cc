"""How sure a comparison is: people drawn anew, luck of trainings, the paired test, the smallest gain to be seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from examples.proof.arms import Arm
from examples.proof.hidden import HIDDEN, OCCLUDERS, REGIONS
from examples.proof.known import Known
from examples.proof.lfw import HalfName
from examples.proof.measure import Answers, figures, spread
from examples.proof.rows import ANSWERS, HALVES, RESULTS, Trial, finished, read_answers
from examples.recognition.bootstrap import interval
from examples.recognition.train import HeadName
from examples.recognition.verification.protocol import BoolArray, FloatArray, accepted
from faceshards.errors import StoreFormatError
from faceshards.regions import REGION_NAMES

CLEAN = ("accuracy", "eer", "tar_at_0.01", "tar_at_0.001")
SUMMARY = ("a region hidden", "an occluder drawn", "regions looked at", "cosine lost")
FALLS = tuple(f"fall without {region}" for region in REGION_NAMES)
METRICS = (*CLEAN, *HIDDEN, *SUMMARY, *FALLS)
"""Of each training. The two means of hidden accuracies are over `hidden.REGIONS` and over `hidden.OCCLUDERS`; a fall is
that of the cosine without the region, over the faces that show it."""

ARMS: tuple[Arm, ...] = get_args(Arm)
POWER = 1.96 + 0.8416
"""Standard errors that a true gain must measure so that a 95 % interval leaves out zero in 80 % of experiments."""

_EXACT = 14
_FLIPS = 20_000


def drawn_figures(answers: Answers, known: Known, weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """The `METRICS` of one training in every draw: (draws, metrics). Thresholds stay those of all people."""
    pairs = known.pairs
    right = [accepted(answers.scores, pairs) == pairs.same, *(answers.hidden[what] == pairs.same for what in HIDDEN)]
    accuracy = drawn_accuracy(np.stack(right), pairs.same, weights)
    found = dict(zip(("accuracy", *HIDDEN), accuracy, strict=True)) | drawn_curve(answers.scores, pairs.same, weights)
    same = np.flatnonzero(pairs.same)
    explained = same[np.linspace(0, len(same) - 1, len(answers.influence)).astype(np.int64)]
    wide = spread(answers.influence)
    shown = np.isfinite(wide)
    mass = weights[:, explained[shown]].astype(np.float64)
    found["regions looked at"] = mass @ wide[shown] / mass.sum(1)
    mass = weights[:, explained].astype(np.float64)
    found["cosine lost"] = mass @ cosine_lost(answers.influence) / mass.sum(1)
    for name, fall in zip(FALLS, answers.influence.T, strict=True):
        shown = np.isfinite(fall)
        mass = weights[:, explained[shown]].astype(np.float64)
        found[name] = mass @ fall[shown] / np.where(shown.any(), mass.sum(1), np.nan)
    return _with_means(found)


def plain_figures(answers: Answers, known: Known) -> NDArray[np.float64]:
    """The `METRICS` of one training: (metrics,). The accuracy is the mean over folds, as on LFW."""
    found = {name: np.array(value) for name, value in figures(answers.scores, known.pairs).items()}
    found |= {what: np.asarray((answers.hidden[what] == known.pairs.same).mean()) for what in HIDDEN}
    found["regions looked at"] = np.asarray(np.nanmean(spread(answers.influence)))
    found["cosine lost"] = cosine_lost(answers.influence).mean()
    for name, fall in zip(FALLS, answers.influence.T, strict=True):
        shown = np.isfinite(fall)
        found[name] = np.asarray(fall[shown].mean(dtype=np.float64) if shown.any() else np.nan)
    return _with_means(found)


def cosine_lost(influence: NDArray[np.float32]) -> NDArray[np.float64]:
    """The falls of the cosine that `measure.spread` shares out, added up, of each face: (M, 25) to (M,)."""
    total: NDArray[np.float64] = np.nansum(np.maximum(influence, 0), axis=1, dtype=np.float64)
    return total


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """All arms of one net and head, over the seeds that are finished for every arm and both halves.

    Attributes:
        seeds: which.
        each: (arms, seeds, halves, metrics) of every training.
        drawn: (draws, arms, seeds, halves, metrics) of every training in every draw of people.
        luck: (draws,) standard normal: how lucky the trainings are in each draw, where their luck shows.
    """

    seeds: tuple[int, ...]
    each: NDArray[np.float64]
    drawn: NDArray[np.float64]
    luck: NDArray[np.float64]

    @classmethod
    def read(
        cls, results: Path, known: Mapping[HalfName, Known], net: str, head: HeadName, draws: int = 1000
    ) -> "Comparison | None":
        """Of a folder of results; None where no seed is finished."""
        done = finished(results)
        seeds = tuple(
            seed
            for seed in sorted({trial.seed for trial in done})
            if all(Trial(net, head, seed, half, arm) in done for half, arm in product(HALVES, ARMS))
        )
        if not seeds:
            return None
        rng = np.random.default_rng(0)
        weights = {half: known[half].draw(draws, rng) for half in HALVES}
        each = np.empty((len(ARMS), len(seeds), len(HALVES), len(METRICS)))
        drawn = np.empty((draws, *each.shape))
        every = list(product(enumerate(ARMS), enumerate(seeds), enumerate(HALVES)))
        for (i, arm), (j, seed), (k, half) in tqdm(every, f"{net}, {head}", unit="training", disable=None):
            trial = Trial(net, head, seed, half, arm)
            answers = read_answers(results, trial, len(known[half].pairs.same))
            each[i, j, k] = plain_figures(answers, known[half])
            _refuse_others_answers(results, trial, done[trial], each[i, j, k])
            drawn[:, i, j, k] = drawn_figures(answers, known[half], weights[half])
        return cls(seeds, each, drawn, rng.normal(size=draws))

    def values(self) -> NDArray[np.float64]:
        """Means over seeds and halves: (arms, metrics)."""
        out: NDArray[np.float64] = self.each.mean((1, 2))
        return out

    def bootstrap(self) -> NDArray[np.float64]:
        """The means in draws of people and of luck, the same draws for all arms: (draws, arms, metrics)."""
        out = np.empty((len(self.drawn), len(self.each), self.each.shape[-1]))
        for a, m in np.ndindex(out.shape[1:]):
            out[:, a, m], _ = self._drawn_means(self.drawn[:, a, :, :, m], self.each[a, :, :, m])
        return out

    def difference(self, metric: str, arm: Arm, reference: Arm) -> "Difference":
        """What an arm adds to another one."""
        m, a, b = METRICS.index(metric), ARMS.index(arm), ARMS.index(reference)
        gaps = self.each[a, :, :, m] - self.each[b, :, :, m]
        change, of_people = self._drawn_means(self.drawn[:, a, :, :, m] - self.drawn[:, b, :, :, m], gaps)
        low, high = interval(change).tolist()
        return Difference(
            float(gaps.mean()),
            low,
            high,
            sign_flip_test(gaps.ravel()),
            int((gaps > 0).sum()),
            gaps.size,
            POWER * float(change.std(ddof=1)),
            POWER * of_people,
        )

    def _drawn_means(self, drawn: NDArray[np.float64], each: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Means over seeds and halves in draws of people and luck, and what people alone leave unsure.

        The luck of a training shows on the single pairs, right here and wrong there, so draws of people hold most of it
        already: were seeds drawn as well, it would count twice. Its variance is told apart by how little the seeds
        agree in a draw. What the seeds differ by beyond it, if anything, is added.

        Args:
            drawn: (draws, seeds, halves) of every training in every draw of people.
            each: (seeds, halves) of every training.

        Returns:
            (draws,), and a standard deviation: of people with seeds without number; NaN where there is one seed.
        """
        seeds, halves = each.shape
        of_seeds = drawn.mean(2)
        people = of_seeds.mean(1)
        if seeds == 1:
            return people, np.nan
        variance = float(people.var(ddof=1))
        on_pairs = max(0.0, float(of_seeds.var(0, ddof=1).mean()) - variance) * seeds / (seeds - 1)
        beyond = max(0.0, float(each.var(0, ddof=1).mean()) / halves - on_pairs)
        return people + np.sqrt(beyond / seeds) * self.luck, np.sqrt(max(0.0, variance - on_pairs / seeds))


@dataclass(frozen=True, slots=True)
class Difference:
    """Between two arms.

    Attributes:
        mean: over seeds and halves.
        low: end of the 95 % interval over people and seeds.
        high: the other end.
        p: of the paired test over trainings, see `sign_flip_test`.
        higher: in how many pairs of trainings the arm had more than the other one.
        pairs: how many there are.
        smallest: the smallest true gain that such an experiment shows four times in five.
        smallest_of_people: the same with seeds without number: what the people of LFW leave unsure. NaN of one seed.
    """

    mean: float
    low: float
    high: float
    p: float
    higher: int
    pairs: int
    smallest: float
    smallest_of_people: float


def _refuse_others_answers(results: Path, trial: Trial, row: Mapping[str, str], found: NDArray[np.float64]) -> None:
    """Answers that do not give their row's figures are of another training, or of other pairs.

    Raises:
        StoreFormatError: they are not.
    """
    columns = {name: name for name in CLEAN} | {what: f"accuracy without {what}" for what in HIDDEN}
    columns |= {"regions looked at": "regions_looked_at"}
    for metric, column in columns.items():
        value = found[METRICS.index(metric)]
        # Rows have five digits; the influences are kept in float16, which moves what is made of them a little more.
        if not abs(value - float(row[column])) < (2e-4 if metric == "regions looked at" else 2e-5):
            raise StoreFormatError(
                f"{results / ANSWERS / f'{trial}.npz'}: expected answers whose {column} is {row[column]}, as {RESULTS} "
                f"says, found {value:.5f}; they are of another training or of other pairs; remove them and the line, "
                "and train again"
            )


def sign_flip_test(gaps: FloatArray) -> float:
    """How likely a mean as far from 0 is, were each paired difference as likely of either sign; two-sided.

    Exact up to 14 differences, by 20,000 draws beyond. It tells chance of training from effect, on these pairs: people
    are not drawn. With n differences it is never below 2 / 2**n.

    Args:
        gaps: (n,) differences of paired trainings: one seed, one half.
    """
    means = np.abs(_signs(len(gaps)) @ np.asarray(gaps, np.float64)) / len(gaps)
    return float(np.mean(means >= means[0] - 1e-12))


@lru_cache
def _signs(n: int) -> NDArray[np.float64]:
    """All ways to give n differences a sign, or some of them: (m, n), the first row all 1."""
    if n <= _EXACT:
        return np.array(list(product((1, -1), repeat=n)), np.float64)
    signs = np.random.default_rng(0).choice((1.0, -1.0), size=(_FLIPS, n))
    signs[0] = 1
    return signs


def drawn_accuracy(right: BoolArray, same: BoolArray, weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """(k, P) right answers and (draws, P) weights to (k, draws); each kind of pairs counts one half."""
    halves = []
    for kind in (same, ~same):
        mass = weights[:, kind].astype(np.float64)
        halves.append(right[:, kind].astype(np.float64) @ mass.T / mass.sum(1))
    out: NDArray[np.float64] = np.mean(halves, 0)
    return out


def drawn_curve(scores: FloatArray, same: BoolArray, weights: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
    """EER and TAR at two FARs in every draw, as `protocol.Roc` has them."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)  # equal scores are accepted together
    rates = []
    for kind in (~same, same):
        steps = np.cumsum(np.where(kind[order], weights[:, order], 0), 1, dtype=np.float64)[:, last]
        rates.append(np.pad(steps / steps[:, -1:], ((0, 0), (1, 0))))
    far, tar = rates
    rows = np.arange(len(weights))
    out = {f"tar_at_{at:g}": tar[rows, (far <= at).sum(1) - 1] for at in (1e-2, 1e-3)}
    gap = far - (1 - tar)
    right = (gap >= 0).argmax(1)
    left = right - 1
    share = -gap[rows, left] / (gap[rows, right] - gap[rows, left])
    return out | {"eer": far[rows, left] + share * (far[rows, right] - far[rows, left])}


def _with_means(found: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """All `METRICS` in their order, along a last axis."""
    found["a region hidden"] = np.mean([found[what] for what in REGIONS], axis=0)
    found["an occluder drawn"] = np.mean([found[what] for what in OCCLUDERS], axis=0)
    return np.stack([np.asarray(found[name], np.float64) for name in METRICS], -1)

"""Do the intervals hold what they promise? Made-up experiments on LFW's own pairs, in which no arm is better.

python -m examples.proof.coverage examples/proof/results
"""

import argparse
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from examples.proof.known import PAIRS, Known, read_known
from examples.proof.lfw import HalfName
from examples.proof.measure import figures
from examples.proof.rows import HALVES
from examples.proof.statistics import ARMS, CLEAN, Comparison, drawn_accuracy, drawn_curve
from examples.recognition.bootstrap import interval
from examples.recognition.command import run
from examples.recognition.verification.protocol import FloatArray, accepted

TWO = ARMS[:2]
_LENGTH = 48
_PHOTO, _LUCK = 1.3, 0.57
"""How far photographs of a person lie from the person, and a training's embeddings from the best ones, in standard
deviations of people; so that the figures are about those of the trainings on LFW."""


def made_up(known: dict[HalfName, Known], seeds: int, draws: int, rng: np.random.Generator) -> Comparison:
    """An experiment with people, photographs and trainings of its own, and two arms that are alike in truth.

    Args:
        known: LFW's pairs.
        seeds: trainings of each arm and half.
        draws: of the bootstrap.
        rng: of all draws.
    """
    each = np.empty((len(TWO), seeds, len(HALVES), len(CLEAN)))
    drawn = np.empty((draws, *each.shape))
    for k, half in enumerate(HALVES):
        pairs = known[half].pairs
        weights = known[half].draw(draws, rng)
        people = rng.normal(size=(known[half].people, _LENGTH))[known[half].person]
        photos = people + _PHOTO * rng.normal(size=people.shape)
        for i, j in product(range(len(TWO)), range(seeds)):
            first, second = photos + _LUCK * rng.normal(size=photos.shape)
            scores: FloatArray = (first * second).sum(1) / np.sqrt((first**2).sum(1) * (second**2).sum(1))
            right = accepted(scores, pairs) == pairs.same
            found = {"accuracy": drawn_accuracy(right[None], pairs.same, weights)[0]}
            found |= drawn_curve(scores, pairs.same, weights)
            each[i, j, k] = [figures(scores, pairs)[name] for name in CLEAN]
            drawn[:, i, j, k] = np.stack([found[name] for name in CLEAN], -1)
    return Comparison(tuple(range(seeds)), each, drawn, rng.normal(size=draws))


def coverage(
    known: dict[HalfName, Known], experiments: int, seeds: int, draws: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """How often the intervals hold what is true.

    Returns:
        (metrics,) the mean figures; shares of the experiments in which the interval of the difference holds zero; and
        in which that of an arm holds its mean over all experiments.
    """
    rng = np.random.default_rng(0)
    held = np.empty((experiments, len(CLEAN)), bool)
    values, own = np.empty((experiments, len(CLEAN))), np.empty((experiments, len(CLEAN), 2))
    for n in tqdm(range(experiments), "experiments", disable=None):
        of = made_up(known, seeds, draws, rng)
        gaps = [of.difference(name, *TWO) for name in CLEAN]
        held[n] = [gap.low <= 0 <= gap.high for gap in gaps]
        values[n] = of.values()[0]
        own[n] = interval(of.bootstrap()[:, 0]).T
    truth = values.mean(0)
    return truth, held.mean(0), ((own[..., 0] <= truth) & (truth <= own[..., 1])).mean(0)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help=f"folder of {PAIRS}")
    parser.add_argument("--experiments", type=int, default=250)
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each arm and half (default: 1)")
    parser.add_argument("--draws", type=int, default=500, help="of the bootstrap (default: 500)")
    given = parser.parse_args()
    found = coverage(read_known(given.results / PAIRS), given.experiments, given.seeds, given.draws)
    print("metric        mean   difference held   arm held")
    for name, truth, gap, own in zip(CLEAN, *found, strict=True):
        print(f"{name:12} {truth:.3f}   {gap:15.1%}   {own:8.1%}")


if __name__ == "__main__":
    run(main)

"""Which p, number of regions, fill and number of epochs suit FSErasing, on the development half alone.

    python -m examples.proof.sweep /tmp/lfw/data/shards LFW examples/proof/results --seeds 3

One thing is changed at a time from the paper's. RESULTS/sweep.csv has a line a training, which is not done again.
"""

import argparse
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

import torch
from filelock import FileLock

from examples.proof.arms import Arm, TrainingFaces
from examples.proof.measure import BATCH, embed, figures
from examples.proof.rows import read_rows, refuse_others, write_rows
from examples.proof.run import Lfw, processor_of, settings_of
from examples.proof.settings import RandomFill, Settings
from examples.proof.training import runnable, train
from examples.recognition.command import run

SWEEP = "sweep.csv"


@dataclass(frozen=True, slots=True)
class Variation:
    """What is tried.

    Attributes:
        arm: none, for comparison, or on-the-fly.
        p: see `examples.proof.settings.Settings`, as are the others.
    """

    arm: Arm = "on-the-fly"
    p: float = 0.5
    n_regions: tuple[int, int] = (1, 5)
    fill: RandomFill = "random"
    epochs: int = Settings.epochs


ARMS: tuple[Arm, ...] = ("none", "on-the-fly")

VARIATIONS = (
    Variation("none"),
    Variation(),
    *(Variation(arm, epochs=40) for arm in ARMS),
    *(Variation(p=p) for p in (0.25, 0.75, 1.0)),
    *(Variation(n_regions=n) for n in ((1, 1), (1, 3), (4, 8))),
    *(Variation(fill=fill) for fill in ("random_1", "random_mix")),
)


def trainings_of(variation: Variation, rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The lines of sweep.csv that are of a variation."""
    return [row for row in rows if all(row[name] == str(value) for name, value in asdict(variation).items())]


def main() -> None:
    """Read the command line and try what is left, all variations of a seed before the next."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path, help="store of LFW")
    parser.add_argument("protocol", type=Path, help="folder with people.txt and pairs.txt")
    parser.add_argument("results", type=Path, help="folder for sweep.csv")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each variation (default: 3)")
    parser.add_argument("--not-compiled", action="store_true", help="for a machine without a C++ compiler")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args()
    settings = replace(Settings(), compiled=not given.not_compiled)
    lfw = Lfw(given.shards, given.protocol)
    try_variations(lfw, given.results / SWEEP, given.seeds, settings, given.device)


def try_variations(lfw: Lfw, path: Path, seeds: int, settings: Settings, device: str) -> None:
    """Train and verify what the file lacks, ArcFace, on the development half.

    Args:
        lfw: the store and the protocol.
        path: of the file.
        seeds: of each of `VARIATIONS`.
        settings: of what no variation changes.
        device: where to train.

    Raises:
        ParamsError: the file has trainings with other settings, or of one seed on another processor.
    """
    same = {"net": settings.net} | {
        name: value for name, value in settings_of(settings).items() if name not in asdict(VARIATIONS[0])
    }
    processor = {"processor": processor_of(device)}
    path.parent.mkdir(parents=True, exist_ok=True)
    for seed, variation in product(range(seeds), VARIATIONS):
        done = read_rows(path)
        refuse_others(path, done, same)
        refuse_others(path, [row for row in done if row["seed"] == str(seed)], processor)
        if not _has(done, variation, seed):
            of = asdict(variation) | {"seed": seed} | same | processor
            row = {name: str(value) for name, value in of.items()} | _try(lfw, variation, seed, settings, device)
            with FileLock(path.parent / ".lock"):
                done = read_rows(path)
                if not _has(done, variation, seed):
                    write_rows(path, [*done, row])
            print(row, flush=True)


def _has(rows: list[dict[str, str]], variation: Variation, seed: int) -> bool:
    return any(row["seed"] == str(seed) for row in trainings_of(variation, rows))


def _try(lfw: Lfw, variation: Variation, seed: int, settings: Settings, device: str) -> dict[str, str]:
    """Train and verify a variation; not its accuracy, for the pairs are hundreds of impostors to one of one person."""
    own = replace(settings, **{name: value for name, value in asdict(variation).items() if name != "arm"})
    held = lfw.held("dev", own.min_photos, device)
    people = lfw.half("dev", own.min_photos).people
    train(TrainingFaces(held, variation.arm, own, seed), people, "arcface", own)
    test = lfw.test("dev", own.min_photos)
    scores = test.pairs.scores(embed(runnable(own, device)[1], test.images, device, BATCH))
    found = figures(scores, test.pairs)
    return {name: f"{value:.5f}" for name, value in found.items() if name != "accuracy"}


if __name__ == "__main__":
    run(main)

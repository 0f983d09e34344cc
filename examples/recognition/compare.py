"""Train and verify every arm, with every head, fold and seed; on people that the net has never seen.

    python -m examples.recognition.compare data/orl/shards data/orl/runs --seeds 3 --epochs 40 --scale 16

Each split of the store is a fold: nets are trained on all others and verify the people of this one. What is finished is
not done again. RUNS/results.csv has a row a training; `summarise` makes a table and a picture of it all.
"""

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from tqdm import tqdm

import faceshards
from examples.recognition.command import run
from examples.recognition.data import Erasing
from examples.recognition.evaluate import embed_faces, verify
from examples.recognition.train import Config, HeadName, train, training_options
from examples.recognition.verification.protocol import FloatArray, all_pairs
from faceshards.errors import ParamsError, StoreFormatError

RESULTS, SCORES = "results.csv", "scores.npy"


@dataclass(frozen=True, slots=True)
class Trial:
    """One training of the comparison.

    Attributes:
        seed: of everything random in it; the same for all arms.
        fold: split whose people are verified.
        head: see `heads`.
        erasing: the arm.
    """

    seed: int
    fold: str
    head: HeadName
    erasing: Erasing

    @property
    def folder(self) -> str:
        """Name of its folder."""
        return f"seed{self.seed}-{self.fold}-{self.head}-{self.erasing}"

    def finished(self, runs: Path) -> bool:
        """Whether `scores` can be read."""
        return (runs / self.folder / SCORES).exists()

    def scores(self, runs: Path) -> FloatArray:
        """What the finished trial gave every pair of its fold, in the order of `all_pairs`: (P,) float32."""
        found: FloatArray = np.load(runs / self.folder / SCORES, allow_pickle=False)
        return found


def open_folds(shards: Path) -> dict[str, faceshards.Dataset]:
    """Every split of a store by its name.

    Raises:
        ParamsError: there is only one.
        StoreFormatError: the folder is no store.
    """
    description = shards / "dataset.json"
    if not description.exists():
        raise StoreFormatError(f"{description}: expected a store's description, found no file; build the shards")
    folds = {split: faceshards.open(shards, split) for split in json.loads(description.read_text())["splits"]}
    if len(folds) < 2:
        raise ParamsError(f"{shards}: a comparison needs two splits or more, found {', '.join(folds)}; build more")
    return folds


def trials(seeds: int, folds: Iterable[str]) -> list[Trial]:
    """All of a comparison, seed by seed, so that one that is stopped early is whole for fewer seeds."""
    return [Trial(*each) for each in product(range(seeds), folds, get_args(HeadName), get_args(Erasing))]


def run_trial(
    trial: Trial, folds: Mapping[str, faceshards.Dataset], runs: Path, options: Mapping[str, Any], device: torch.device
) -> None:
    """Train on all folds but one and score all pairs of that one, unless it was done before."""
    faces = folds[trial.fold]
    config = Config(
        shards=str(faces.store.path),
        splits=tuple(fold for fold in folds if fold != trial.fold),
        head=trial.head,
        erasing=trial.erasing,
        seed=trial.seed,
        **options,
    )
    net = train(config, runs / trial.folder, device)
    scores = runs / trial.folder / SCORES
    if not scores.exists():
        partial = scores.with_name(f"partial-{SCORES}")
        np.save(partial, all_pairs(faces.identities).scores(embed_faces(net, faces, device)), allow_pickle=False)
        partial.replace(scores)


def main() -> None:
    """Read the command line and run what is left."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, parents=[training_options()]
    )
    parser.add_argument("shards", type=Path, help="store whose splits are the folds")
    parser.add_argument("runs", type=Path, help="folder for the trainings and results.csv")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each arm, head and fold (default: 3)")
    options = vars(parser.parse_args())
    shards, runs, seeds, device = (options.pop(name) for name in ("shards", "runs", "seeds", "device"))
    folds = open_folds(shards)
    rows = []
    for trial in tqdm(trials(seeds, folds), disable=not sys.stderr.isatty()):
        run_trial(trial, folds, runs, options, device)
        figures = asdict(verify(trial.scores(runs), all_pairs(folds[trial.fold].identities)))
        tar = figures.pop("tar")
        rows.append(asdict(trial) | figures | {f"tar_at_{far}": value for far, value in tar.items()})
        _write(runs / RESULTS, rows)


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    partial = path.with_suffix(".partial")
    with partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: f"{v:.6f}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    partial.replace(path)


if __name__ == "__main__":
    run(main)

"""Train and verify every arm on LFW, sitting after sitting.

    python -m examples.proof.run /tmp/lfw/data/shards LFW examples/proof/results --seeds 5 --minutes 60

LFW is the folder with people.txt and pairs.txt. What results.csv has is not trained again; what was stopped goes on
after its last checkpoint. Of two that run at a time each trains everything, unless --heads or --halves set them apart.
"""

import argparse
import os
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from time import monotonic, process_time
from typing import Any, get_args

import numpy as np
import torch

import faceshards
from examples.proof import rows
from examples.proof.arms import Arm, HeldFaces, TrainingFaces
from examples.proof.hidden import HIDDEN
from examples.proof.known import PAIRS, Known, write_known
from examples.proof.lfw import Half, HalfName, open_lfw, read_half
from examples.proof.measure import BATCH, Answers, PairFaces, answer, figures, spread
from examples.proof.rows import HALVES, SEEDS, Trial, all_trials
from examples.proof.settings import Settings
from examples.proof.training import Progress, runnable, train
from examples.recognition.command import run
from examples.recognition.nets import NETS
from examples.recognition.train import HeadName
from examples.recognition.verification.protocol import Pairs
from faceshards.build.runrecord import processor


class Lfw:
    """The store and the protocol, each half read once."""

    def __init__(self, shards: Path, protocol: Path) -> None:
        self.dataset: faceshards.Dataset = open_lfw(shards)
        self._ids: list[str] = self.dataset.take(range(len(self.dataset)), fields=["sample_id"])["sample_id"].tolist()
        self._protocol = protocol
        self.half = lru_cache(self._half)
        self.held = lru_cache(maxsize=1)(self._held)
        self.test = lru_cache(maxsize=1)(self._test)

    def known(self, name: HalfName, min_photos: int) -> Known:
        """The pairs of a half, by people."""
        names = [sample_id.split("/")[0] for sample_id in self._ids]
        return Known.of(self.half(name, min_photos).pairs, names)

    def _half(self, name: HalfName, min_photos: int) -> Half:
        return read_half(name, self._ids, self._protocol, min_photos)

    def _held(self, name: HalfName, min_photos: int, device: str) -> HeldFaces:
        half = self.half(name, min_photos)
        return HeldFaces(self.dataset, half.train, half.labels, device)

    def _test(self, name: HalfName, min_photos: int) -> PairFaces:
        return PairFaces.read(self.dataset, self.half(name, min_photos).pairs)


def begin(lfw: Lfw, results: Path, settings: Settings) -> None:
    """See that a folder of results takes trainings of this store and these settings, and say how large they are.

    Raises:
        ParamsError: it has trainings with other settings.
        SourceFormatError: it has trainings of another store.
    """
    rows.refuse_others(results / rows.RESULTS, rows.read_rows(results / rows.RESULTS), settings_of(settings))
    write_known(results / PAIRS, {name: lfw.known(name, settings.min_photos) for name in HALVES})
    for name in HALVES:
        half = lfw.half(name, settings.min_photos)
        print(
            f"half {name}: {len(half.train)} faces of {half.people} people to train on, "
            f"{len(half.pairs.same)} pairs to verify, {half.missing} left out for want of a face",
            flush=True,
        )


def run_trial(lfw: Lfw, trial: Trial, settings: Settings, results: Path, device: str, batch: int = BATCH) -> None:
    """Train, verify, and add the row."""
    rows.refuse_other_processor(results, trial, processor_of(device))
    half = lfw.half(trial.half, settings.min_photos)
    faces = TrainingFaces(lfw.held(trial.half, settings.min_photos, device), trial.arm, settings, trial.seed)
    checkpoint = results / f".{trial}.checkpoint.pt"
    results.mkdir(parents=True, exist_ok=True)
    net, trained = train(faces, half.people, trial.head, settings, checkpoint)
    started = process_time()
    forward = runnable(settings, device)[1]
    test = lfw.test(trial.half, settings.min_photos)
    answers = answer(forward, net, test, device, batch)
    add_row(lfw, trial, settings, results, device, trained, answers, process_time() - started)
    checkpoint.unlink(missing_ok=True)


def add_row(
    lfw: Lfw,
    trial: Trial,
    settings: Settings,
    results: Path,
    device: str,
    trained: Progress,
    answers: Answers,
    to_verify: float,
) -> None:
    """Add the row of a training that was verified, in `to_verify` seconds."""
    half, pairs = lfw.half(trial.half, settings.min_photos), lfw.test(trial.half, settings.min_photos).pairs
    row = row_of(trained, answers, pairs) | {
        "faces": len(half.train),
        "people": half.people,
        "pairs": len(pairs.same),
        "missing": half.missing,
        "seconds": round(trained.seconds),
        "seconds_to_verify": round(to_verify),
        "processor": processor_of(device),
    }
    rows.add(results, trial, row | settings_of(settings), answers)


def processor_of(device: str) -> str:
    """What trains, as its maker names it."""
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else processor()


def settings_of(settings: Settings) -> dict[str, Any]:
    """The columns of the settings."""
    return {name: value for name, value in asdict(settings).items() if name != "net"}


def row_of(trained: Progress, answers: Answers, pairs: Pairs) -> dict[str, Any]:
    """A training's figures: on clean pairs, with each thing hidden, of FS-CAM, and the losses of its epochs."""
    found = figures(answers.scores.astype(np.float16), pairs)
    hidden = {f"accuracy without {what}": (answers.hidden[what] == pairs.same).mean() for what in HIDDEN}
    attention = {"regions_looked_at": np.nanmean(spread(answers.influence))}
    rounded = {name: f"{value:.5f}" for name, value in (found | hidden | attention).items()}
    return rounded | {"train_accuracy": f"{trained.correct:.4f}", "losses": " ".join(map(str, trained.losses))}


def main() -> None:
    """Read the command line and run what is left."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path, help="store of LFW")
    parser.add_argument("protocol", type=Path, help="folder with people.txt and pairs.txt")
    parser.add_argument("results", type=Path, help="folder for results.csv and the answers")
    parser.add_argument("--net", choices=NETS, default=Settings.net, help=f"(default: {Settings.net})")
    wanted = ", ".join(f"{seeds} of {net}" for net, seeds in SEEDS.items())
    parser.add_argument("--seeds", type=int, help=f"trainings of each arm, head and half (default: {wanted})")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="start no training after so long")
    parser.add_argument("--arms", nargs="+", choices=get_args(Arm), default=get_args(Arm), help="(default: all)")
    parser.add_argument("--heads", nargs="+", choices=get_args(HeadName), default=get_args(HeadName))
    parser.add_argument("--halves", nargs="+", choices=HALVES, default=HALVES)
    parser.add_argument("--not-compiled", action="store_true", help="for a machine without a C++ compiler")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args()
    settings = replace(Settings(), net=given.net, compiled=not given.not_compiled)
    lfw = Lfw(given.shards, given.protocol)
    begin(lfw, given.results, settings)
    started = monotonic()
    seeds = SEEDS.get(given.net, 1) if given.seeds is None else given.seeds
    chosen = [
        trial
        for trial in all_trials(given.net, seeds)
        if trial.arm in given.arms and trial.head in given.heads and trial.half in given.halves
    ]
    for trial in chosen:
        if trial in rows.finished(given.results):
            continue
        if monotonic() - started > 60 * given.minutes:
            break
        run_trial(lfw, trial, settings, given.results, given.device)
        row = rows.finished(given.results)[trial]
        print(f"{trial}: accuracy {row['accuracy']}, EER {row['eer']}, {row['seconds']} s", flush=True)
    done = rows.finished(given.results)
    print(f"{given.results / rows.RESULTS}: {sum(trial in done for trial in chosen)} of {len(chosen)} are finished")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    run(main)

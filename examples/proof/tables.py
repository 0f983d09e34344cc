"""The tables of docs/proof.md, as Markdown."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from itertools import product
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from examples.proof import sweep
from examples.proof.arms import Arm
from examples.proof.hidden import HIDDEN
from examples.proof.rows import Trial
from examples.proof.statistics import ARMS, CLEAN, FALLS, METRICS, Comparison, Difference
from examples.recognition.bootstrap import interval
from examples.recognition.train import HeadName

REFERENCES: tuple[Arm, ...] = ("none", "rectangle")

LABELS = {
    "accuracy": "accuracy",
    "eer": "EER",
    "tar_at_0.01": "TAR at FAR 0.01",
    "tar_at_0.001": "TAR at FAR 0.001",
    "a region hidden": "a region hidden",
    "an occluder drawn": "an occluder drawn",
}


def points(difference: Difference) -> str:
    """In points, with the 95 % interval."""
    return _change(difference, 1, times=100)


def figures_table(of: Comparison) -> str:
    """The figures of each arm on whole faces, in percent, with their intervals."""
    values, bounds = 100 * of.values(), 100 * interval(of.bootstrap())
    columns = [METRICS.index(metric) for metric in CLEAN]
    lines = [[arm, *(_bounded(values[a, m], bounds[:, a, m], 1) for m in columns)] for a, arm in enumerate(ARMS)]
    return table(["erasing", *(LABELS[metric] for metric in CLEAN)], lines)


def difference_table(of: Comparison, reference: Arm) -> str:
    """What each arm adds to another, in points, and how small a gain could be seen."""
    lines = []
    for arm in ARMS:
        if arm != reference:
            found = {metric: of.difference(metric, arm, reference) for metric in LABELS}
            clean = found["accuracy"]
            smallest = (
                "unknown" if np.isnan(gain) else f"{100 * gain:.1f}"
                for gain in (clean.smallest, clean.smallest_of_people)
            )
            lines.append([arm, *map(points, found.values()), *smallest])
    return table(["erasing", *LABELS.values(), "smallest visible gain", "with endless seeds"], lines)


def trainings_table(of: Comparison, reference: Arm) -> str:
    """In how many pairs of trainings each arm had a higher figure than another one, and the paired p."""
    lines = []
    for arm in ARMS:
        if arm != reference:
            found = [of.difference(metric, arm, reference) for metric in LABELS]
            lines.append([arm, *(f"{each.higher} of {each.pairs}, p {each.p:.3f}" for each in found)])
    return table(["erasing", *LABELS.values()], lines)


def hidden_table(of: Comparison) -> str:
    """The accuracy with each thing hidden, in percent, and what erasing on the fly adds to it, in points."""
    values = 100 * of.values()
    names = {"accuracy": "nothing"} | {what: what for what in (*HIDDEN, "a region hidden", "an occluder drawn")}
    lines = [
        [
            name,
            *(f"{value:.1f}" for value in values[:, METRICS.index(what)]),
            *(points(of.difference(what, "on-the-fly", reference)) for reference in REFERENCES),
        ]
        for what, name in names.items()
    ]
    return table(["hidden", *ARMS, *(f"on-the-fly against {reference}" for reference in REFERENCES)], lines)


def spread_table(of: Comparison) -> str:
    """Over how many regions the nets' attention is spread, and how much hangs on all of them."""
    values, bounds = of.values(), interval(of.bootstrap())
    lines = []
    for a, arm in enumerate(ARMS):
        cells = []
        for metric in ("regions looked at", "cosine lost"):
            m, gap = METRICS.index(metric), of.difference(metric, arm, "none")
            of_none = [_change(gap, 2), f"{gap.p:.3f}"] if a else ["", ""]
            cells += [_bounded(values[a, m], bounds[:, a, m], 2), *of_none]
        lines.append([arm, *cells])
    against = ["against none", "paired p"]
    return table(["erasing", "regions looked at", *against, "cosine lost", *against], lines)


def falls_table(of: Comparison) -> str:
    """How far the cosine falls without each region, by arm, the regions that matter most without erasing first."""
    values = of.values()
    columns = [METRICS.index(fall) for fall in FALLS]
    known = [m for m in columns if np.isfinite(values[:, m]).all()]
    lines = []
    for m in sorted(known, key=lambda m: -values[0, m]):
        gap = of.difference(METRICS[m], "on-the-fly", "none")
        region = METRICS[m].removeprefix("fall without ").replace("_", " ")
        falls = (f"{value:.3f}" for value in values[:, m].round(3) + 0.0)
        lines.append([region, *falls, _change(gap, 3), f"{gap.p:.3f}"])
    return table(["region", *ARMS, "on-the-fly against none", "paired p"], lines)


def learning_table(rows: Mapping[Trial, Mapping[str, str]]) -> str:
    """How each arm's trainings ended: means over the trainings of the loss and of the faces told rightly."""
    lines = []
    for arm in ARMS:
        own = [row for trial, row in rows.items() if trial.arm == arm]
        loss = np.mean([float(row["losses"].split()[-1]) for row in own])
        right = 100 * np.mean([float(row["train_accuracy"]) for row in own])
        lines.append([arm, f"{loss:.2f}", f"{right:.1f}"])
    return table(["erasing", "loss of the last epoch", "training faces told rightly, %"], lines)


def seconds_of(rows: Iterable[Mapping[str, str]]) -> str:
    """How long a training took on average, on each kind of processor."""
    every: dict[str, list[int]] = {}
    for row in rows:
        every.setdefault(row["processor"], []).append(int(row["seconds"]))
    return ", ".join(f"{np.mean(own):.0f} seconds on `{processor}` ({len(own)})" for processor, own in every.items())


def counts_table(trials: Iterable[Trial]) -> str:
    """How many trainings of each net, head and arm are finished."""
    every = Counter((trial.net, trial.head, trial.arm) for trial in trials)
    lines = []
    for net, head in product(dict.fromkeys(net for net, _, _ in every), get_args(HeadName)):
        if any(many := [every[net, head, arm] for arm in ARMS]):
            lines.append([f"`{net}`", head, *map(str, many)])
    return table(["net", "head", *ARMS], lines)


def sweep_table(rows: list[dict[str, str]]) -> str:
    """Means over seeds of each variation of the sweep, with their standard deviation; empty where nothing was swept."""
    lines = []
    for variation in sweep.VARIATIONS:
        own = sweep.trainings_of(variation, rows)
        if own:
            arm, p, (least, most), fill, epochs = astuple(variation)
            cells = []
            for metric in ("eer", "tar_at_0.01", "tar_at_0.001"):
                found = np.array([float(row[metric]) for row in own]) * 100
                cells.append(f"{found.mean():.1f}" + (f" ± {found.std(ddof=1):.1f}" if len(own) > 1 else ""))
            lines.append([arm, f"{p:g}", f"{least} to {most}", fill, str(epochs), str(len(own)), *cells])
    head = ["erasing", "p", "regions", "fill", "epochs", "seeds", "EER", "TAR at FAR 0.01", "TAR at FAR 0.001"]
    return table(head, lines) if lines else ""


def _change(difference: Difference, digits: int, times: int = 1) -> str:
    """With its 95 % interval, and no minus before a zero."""
    parts = (round(times * part, digits) + 0.0 for part in (difference.mean, difference.low, difference.high))
    mean, low, high = (f"{part:+.{digits}f}" for part in parts)
    return f"{mean} ({low} to {high})"


def _bounded(value: float, bounds: NDArray[np.float64], digits: int) -> str:
    low, high = bounds.tolist()
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def table(head: list[str], lines: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *lines])

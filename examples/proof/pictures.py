"""The pictures of docs/proof.md, without any photograph. Needs matplotlib.

The rendered demo faces with each part hidden, from this project's own `make repro`:

    python -m examples.proof.pictures data/shards docs/proof/hidden.jpg
"""

import argparse
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import faceshards
from examples.proof.arms import Arm
from examples.proof.hidden import HIDDEN, hide
from examples.proof.rows import Trial
from examples.proof.statistics import ARMS, METRICS, Comparison
from examples.recognition.command import run

COLOURS: dict[Arm, str] = {
    "none": "#555555",
    "rectangle": "#e08214",
    "precomputed": "#4393c3",
    "on-the-fly": "#1b7837",
    "part": "#9970ab",
    "both": "#b2182b",
}


def save(of: Comparison, rows: dict[Trial, dict[str, str]], folder: Path, name: str) -> None:
    """Save ``NAME-gains.svg``, ``NAME-hidden.svg`` and ``NAME-learning.svg``.

    Args:
        of: the finished seeds.
        rows: of results.csv, of the same net and head.
        folder: where to.
        name: of the net and head.
    """
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 9, "font.family": "sans-serif"}):
        figure = Figure(figsize=(9, 3), layout="constrained")
        for axes, metric, title in zip(
            figure.subplots(1, 3, sharey=True),
            ("accuracy", "a region hidden", "an occluder drawn"),
            ("whole faces", "one region hidden", "an occluder drawn"),
            strict=True,
        ):
            _gains(axes, of, metric, title)
        _write(figure, folder / f"{name}-gains.svg")
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        _hidden(figure.subplots(), of)
        _write(figure, folder / f"{name}-hidden.svg")
        figure = Figure(figsize=(9, 3), layout="constrained")
        _learning(figure.subplots(), rows)
        _write(figure, folder / f"{name}-learning.svg")


def save_hidden(shards: Path, path: Path, faces: int = 4) -> None:
    """Save some demo faces, a row each: as they are, then with each of `hidden.HIDDEN` hidden."""
    held = faceshards.open(shards, "val").take(range(faces), fields=["image", "region"])
    images, regions = (held[name].astype(np.uint8) for name in ("image", "region"))
    columns = [images, *(hide(images, regions, np.arange(faces), what) for what in HIDDEN)]
    rows = np.concatenate(np.stack(columns, 1), 1)  # (columns, faces of a row below each other, ...)
    picture = np.concatenate(list(rows), 1)
    cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])


def _gains(axes: Axes, of: Comparison, metric: str, title: str) -> None:
    """What each arm adds to no erasing, with its interval and the single trainings."""
    m = METRICS.index(metric)
    for y, arm in enumerate(reversed(ARMS[1:])):
        found = of.difference(metric, arm, "none")
        single = 100 * (of.each[ARMS.index(arm), :, :, m] - of.each[0, :, :, m]).ravel()
        axes.plot(single, np.full(len(single), y), "|", color=COLOURS[arm], markersize=14)
        axes.plot([100 * found.low, 100 * found.high], [y, y], color=COLOURS[arm])
        axes.plot(100 * found.mean, y, "o", color=COLOURS[arm])
    axes.axvline(0, color="#999999", linewidth=0.8)
    axes.set_yticks(range(len(ARMS) - 1), list(reversed(ARMS[1:])))
    axes.set(title=title, xlabel="points of accuracy against none")


def _hidden(axes: Axes, of: Comparison) -> None:
    """Accuracy with each thing hidden, all arms."""
    values = 100 * of.values()
    shown = ["accuracy", *HIDDEN]
    for a, arm in enumerate(ARMS):
        across = np.arange(len(shown)) + 0.12 * (a - (len(ARMS) - 1) / 2)
        axes.plot(across, values[a, [METRICS.index(what) for what in shown]], "o", color=COLOURS[arm], label=arm, ms=4)
    axes.set_xticks(range(len(shown)), ["nothing", *HIDDEN], rotation=35, ha="right")
    axes.set(ylabel="accuracy, %")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(ncols=3, fontsize=8)


def _learning(axes: Axes, rows: dict[Trial, dict[str, str]]) -> None:
    """Mean loss of the arms' trainings, epoch by epoch."""
    for arm in ARMS:
        every = [[float(loss) for loss in row["losses"].split()] for trial, row in rows.items() if trial.arm == arm]
        if every:
            mean = np.mean(every, axis=0)
            axes.plot(np.arange(1, len(mean) + 1), mean, color=COLOURS[arm], label=arm)
    axes.set(xlabel="epoch", ylabel="mean cross-entropy")
    axes.grid(alpha=0.3)
    axes.legend(ncols=2, fontsize=8)


def _write(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None, "Creator": None})


def main() -> None:
    """Read the command line and save the faces."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path, help="store of the demo faces")
    parser.add_argument("picture", type=Path)
    given = parser.parse_args()
    save_hidden(given.shards, given.picture)


if __name__ == "__main__":
    run(main)

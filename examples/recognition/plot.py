"""The picture of a comparison: ROC curves of each head, and what erasing changes. Needs matplotlib."""

from pathlib import Path
from typing import get_args

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from examples.recognition.bootstrap import ARMS, METRICS, Arm, Comparison
from examples.recognition.data import Erasing
from examples.recognition.train import HeadName
from examples.recognition.verification.protocol import roc

_COLOURS: dict[Erasing, str] = {
    "none": "#555555",
    "rectangle": "#e08214",
    "precomputed": "#4393c3",
    "on-the-fly": "#1b7837",
}
_FAR = np.geomspace(1e-3, 1, 200)


def save_curves(comparison: Comparison, change: NDArray[np.float64], bounds: NDArray[np.float64], path: Path) -> None:
    """Save the picture as PNG.

    Args:
        comparison: for the curves.
        change: (arms, metrics) difference of each arm from no erasing.
        bounds: (2, arms, metrics) its interval.
        path: of the file.
    """
    heads = get_args(HeadName)
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    for place, head in enumerate(heads, start=1):
        _curves(figure.add_subplot(1, 3, place), comparison, head)
    _changes(figure.add_subplot(1, 3, 3), change, bounds)
    figure.savefig(path, dpi=110)


def mean_curve(comparison: Comparison, arm: Arm, far: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean true accept rate of an arm's trainings at each false accept rate."""
    every = [
        np.interp(far, curve.far, curve.tar)
        for (of, _, fold), answers in comparison.answers.items()
        if of == arm
        for curve in [roc(answers.scores, comparison.folds[fold].pairs.same)]
    ]
    return np.asarray(np.mean(every, axis=0), np.float64)


def _curves(axes: Axes, comparison: Comparison, head: HeadName) -> None:
    for erasing, colour in _COLOURS.items():
        axes.plot(_FAR, mean_curve(comparison, (head, erasing), _FAR), color=colour, label=erasing)
    axes.set(xscale="log", xlabel="false accept rate", ylabel="true accept rate", title=f"{head}: mean ROC")
    axes.grid(alpha=0.3)
    axes.legend(title="erasing", loc="lower right")


def _changes(axes: Axes, change: NDArray[np.float64], bounds: NDArray[np.float64]) -> None:
    shown = [i for i, (_, erasing) in enumerate(ARMS) if erasing != "none"]
    metric = METRICS.index("accuracy")
    for y, i in enumerate(reversed(shown)):
        low, high = 100 * bounds[:, i, metric]
        axes.plot([low, high], [y, y], color=_COLOURS[ARMS[i][1]])
        axes.plot(100 * change[i, metric], y, "o", color=_COLOURS[ARMS[i][1]])
    axes.axvline(0, color="#555555", linewidth=1)
    axes.set_yticks(range(len(shown)), [" ".join(ARMS[i]) for i in reversed(shown)])
    axes.set(xlabel="points of accuracy, 95 % interval", title="Accuracy against no erasing")

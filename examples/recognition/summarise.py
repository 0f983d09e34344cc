"""A Markdown table and a picture of a finished comparison, with 95 % intervals.

    python -m examples.recognition.summarise data/orl/shards data/orl/runs examples/recognition/results

Writes OUT/table.md, OUT/curves.png and a copy of results.csv. Intervals are percentiles of a bootstrap over people and
seeds (see `bootstrap`); the differences are those from training without erasing.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from examples.recognition.bootstrap import ARMS, METRICS, Comparison, interval
from examples.recognition.command import run
from examples.recognition.compare import RESULTS

_BASELINE = [ARMS.index((head, "none")) for head, _ in ARMS]


def table(values: NDArray[np.float64], draws: NDArray[np.float64]) -> str:
    """Two Markdown tables, in percent: the figures, and their differences from training without erasing.

    Args:
        values: (arms, metrics).
        draws: (draws, arms, metrics) of a bootstrap.
    """
    figures = _rows(values, interval(draws), "{:.1f}", baseline=True)
    change = _rows(values - values[_BASELINE], interval(draws - draws[:, _BASELINE]), "{:+z.1f}", baseline=False)
    return f"{figures}\n\nDifference from no erasing:\n\n{change}\n"


def _rows(values: NDArray[np.float64], bounds: NDArray[np.float64], style: str, *, baseline: bool) -> str:
    lines = [f"| head | erasing | {' | '.join(METRICS)} |", f"| --- | --- |{' --- |' * len(METRICS)}"]
    for (head, erasing), row, (low, high) in zip(ARMS, values, bounds.swapaxes(0, 1), strict=True):
        if baseline or erasing != "none":
            cells = [
                f"{style} ({style} to {style})".format(100 * v, 100 * a, 100 * b)
                for v, a, b in zip(row, low, high, strict=True)
            ]
            lines.append(f"| {head} | {erasing} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Read the command line, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path, help="store whose splits are the folds")
    parser.add_argument("runs", type=Path, help="what compare wrote")
    parser.add_argument("out", type=Path, help="folder for the results")
    parser.add_argument("--draws", type=int, default=1000, help="of the bootstrap (default: 1000)")
    given = parser.parse_args()
    comparison = Comparison.read(given.shards, given.runs)
    values, draws = comparison.figures(), comparison.bootstrap(given.draws)
    # Here, for the table needs no matplotlib.
    from examples.recognition.plot import save_curves

    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "table.md").write_text(table(values, draws))
    save_curves(comparison, values - values[_BASELINE], interval(draws - draws[:, _BASELINE]), given.out / "curves.png")
    shutil.copyfile(given.runs / RESULTS, given.out / RESULTS)
    print((given.out / "table.md").read_text())


if __name__ == "__main__":
    run(main)

"""What a training run says about itself, in the files that ``dvc metrics`` and ``dvc plots`` read."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from faceshards.parsing.evaluate import Counts, coarse_confusion, scores
from faceshards.regions import REGION_NAMES
from faceshards.store.durable import write_file

Row: TypeAlias = dict[str, int | float | str]


class History:
    """Validation scores over time.

    Attributes:
        rows: of ``history.csv``: step, source, loss, miou_25, accuracy_25, miou_19, accuracy_19.

    Args:
        labels: of the sources.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.rows: list[Row] = []
        self._labels = labels
        self._last: list[Counts] = []

    def add(self, step: int, loss: float, counts: Sequence[Counts]) -> None:
        """Note the mean loss since the last call, and one (25, 25) confusion a source (all zero: nothing held out)."""
        self._last = list(counts)
        for label, of_source in zip(self._labels, counts, strict=True):
            fine, coarse = scores(of_source), scores(coarse_confusion(of_source))
            self.rows.append(
                {
                    "step": step,
                    "source": label,
                    "loss": loss,
                    "miou_25": fine.miou,
                    "accuracy_25": fine.pixel_accuracy,
                    "miou_19": coarse.miou,
                    "accuracy_19": coarse.pixel_accuracy,
                }
            )

    def summary(self) -> str:
        """The latest scores, short."""
        latest = self._latest()
        return f"loss {latest[0]['loss']:.3f}, " + ", ".join(f"{r['source']} mIoU {r['miou_25']:.3f}" for r in latest)

    def write(self, folder: Path) -> None:
        """Write ``history.csv``, ``metrics.json`` (the latest row of each source) and ``classes.csv`` (its IoUs)."""
        write_file(folder / "history.csv", _csv(self.rows))
        latest = {str(r["source"]): {k: v for k, v in r.items() if k != "source" and v == v} for r in self._latest()}
        write_file(folder / "metrics.json", (json.dumps(latest, indent=2) + "\n").encode())
        classes: list[Row] = [
            {"source": label, "region": region, "iou": iou}
            for label, counts in zip(self._labels, self._last, strict=True)
            for region, iou in zip(REGION_NAMES, scores(counts).iou, strict=True)
        ]
        write_file(folder / "classes.csv", _csv(classes))

    def _latest(self) -> list[Row]:
        return self.rows[-len(self._labels) :]


def _csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()

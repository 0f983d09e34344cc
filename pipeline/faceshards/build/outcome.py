"""How many faces a stage used, and why it left the others out."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from faceshards.counted import counted
from faceshards.errors import TooManySkippedError
from faceshards.store.reader import Store
from faceshards.store.schema import OK


@dataclass(frozen=True)
class Outcome:
    """A stage's count of faces.

    Attributes:
        faces: all that came in.
        used: those that can be used.
        skipped: how many dropped out, by the code of the reason, here or in a stage before.
        remarks: how many of those that can be used have a remark, by its code.
    """

    faces: int
    used: int
    skipped: dict[str, int]
    remarks: dict[str, int]

    def __str__(self) -> str:
        parts = [f"{self.used:,} of {counted(self.faces, 'face')} can be used"]
        for what, counts in (("dropped out", self.skipped), ("kept with a remark", self.remarks)):
            if counts:
                parts.append(f"{what}: " + ", ".join(f"{code} {count:,}" for code, count in counts.items()))
        return "; ".join(parts)


def count_outcomes(store: Path) -> Outcome:
    """Count the manifest rows of a finished store."""
    faces, reasons, remarks = 0, Counter[str](), Counter[str]()
    for rows in _parts(store):
        faces += rows.num_rows
        reasons.update(_code(str(reason)) for reason in _skipped(rows)["reason"].to_pylist())
        for lines in rows["reason"].filter(pc.equal(rows["status"], OK)).drop_null().to_pylist():
            remarks.update(_code(line) for line in lines.splitlines())
    return Outcome(faces, faces - reasons.total(), dict(sorted(reasons.items())), dict(sorted(remarks.items())))


def refuse_too_many(outcome: Outcome, store: Path, max_skipped: float, stage: str) -> None:
    """Stop where too many faces of a finished store dropped out.

    Raises:
        TooManySkippedError: with the reasons, the first of them in full, and the param that decides.
    """
    lost = outcome.faces - outcome.used
    if outcome.faces == 0 or lost > max_skipped * outcome.faces:
        reasons = ", ".join(f"{reason} {count}" for reason, count in outcome.skipped.items()) or "the source is empty"
        first: list[dict[str, Any]] = next(
            (found for rows in _parts(store) if (found := _skipped(rows).slice(length=1).to_pylist())), []
        )
        raise TooManySkippedError(
            f"{stage}: {lost} of {counted(outcome.faces, 'face')} dropped out ({reasons}); "
            f"expected at most {100 * max_skipped:g}%. Mend the source, or raise align.max_skipped in params.yaml"
            + "".join(f". The first was {row['sample_id']}: {row['reason']}" for row in first)
        )


def _code(reason: str) -> str:
    return reason.partition(":")[0]


def _parts(store: Path) -> Iterator[pa.Table]:
    return Store.open(store).manifest_parts(["sample_id", "status", "reason"])


def _skipped(rows: pa.Table) -> pa.Table:
    return rows.filter(pc.not_equal(rows["status"], OK))

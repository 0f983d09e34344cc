"""Faces with a reason: those that dropped out, and those that were kept with a remark."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from faceshards.store.schema import OK

NAMED = 50
"""So many samples of a reason are named."""


@dataclass(frozen=True)
class Reason:
    """Faces that share a reason.

    Attributes:
        code: such as ``"no_face_found"``.
        count: how many faces.
        samples: the first `NAMED` of them: sample id, where it lies in the source, and the whole sentence.
    """

    code: str
    count: int
    samples: tuple[tuple[str, str, str], ...]


def reasons(manifest: pa.Table, *, usable: bool) -> tuple[Reason, ...]:
    """Group by reason, the most frequent first: the faces that dropped out, or the usable ones that have a remark."""
    status, reason = manifest["status"], manifest["reason"]
    rows = manifest.filter(pc.and_(pc.equal(status, OK), pc.is_valid(reason)) if usable else pc.not_equal(status, OK))
    rows = _a_line_each(rows) if usable else rows
    sentences = pc.fill_null(rows["reason"], "no reason given")
    codes = pc.list_element(pc.split_pattern(sentences, ":", max_splits=1), 0)
    rows = pa.table({"code": codes, "id": rows["sample_id"], "where": rows["source_id"], "sentence": sentences})
    counts = {c["values"]: c["counts"] for c in pc.value_counts(codes).to_pylist()}
    return tuple(
        Reason(code, count, tuple(_first(rows.filter(pc.equal(codes, code)))))
        for code, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


def _a_line_each(rows: pa.Table) -> pa.Table:
    """A row for each line of a reason: a face may have several remarks."""
    lines = pc.split_pattern(rows["reason"], "\n").combine_chunks()
    rows = rows.select(["sample_id", "source_id"]).take(pc.list_parent_indices(lines))
    return rows.append_column("reason", pc.list_flatten(lines))


def _first(rows: pa.Table) -> list[tuple[str, str, str]]:
    return [(row["id"], row["where"], row["sentence"]) for row in rows.slice(0, NAMED).to_pylist()]

"""The files of a plan: which face of the source stands in which row of which split."""

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import NonNegativeInt, TypeAdapter

from faceshards.errors import SourceFormatError, SourceNotFoundError
from faceshards.faulttext import is_shortage
from faceshards.source.fingerprint import DIGEST_BYTES
from faceshards.store.durable import sync, write_file
from faceshards.store.schema import SplitSpec
from faceshards.textfile import read_json

FACES = "plan.arrow"
SUMMARY = "plan.json"

SCHEMA = pa.schema(
    [
        pa.field("source_index", pa.int64(), nullable=False),
        pa.field("sample_id", pa.string(), nullable=False),
        pa.field("identity", pa.int64(), nullable=False),
        pa.field("identity_name", pa.string()),
        pa.field("row", pa.int32(), nullable=False),
        pa.field("digest", pa.binary(DIGEST_BYTES), nullable=False),
    ]
)
"""The columns of `plan.arrow`, an Arrow IPC file that is not compressed: one row a face that has a place.

``source_index``: its place in the source. ``identity``: the class id of its person, -1 where the source names none.
``row``: within its split. ``digest``: `Source.digest` when the plan was made.
"""


_REMEDY = "run the stage plan again: dvc repro --force --single-item plan"


@dataclass(frozen=True)
class _Split:
    rows: NonNegativeInt
    classes: list[tuple[NonNegativeInt, NonNegativeInt]]
    faces: NonNegativeInt


@dataclass(frozen=True)
class _Summary:
    """What is read of `plan.json`."""

    splits: dict[str, _Split]
    made_by: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """A finished plan, opened for reading. Picklable and cheap to send; each process maps the file once.

    Attributes:
        folder: that the stage `plan` wrote.
        splits: those that have rows, in the order of the params.
        placed: the number of faces that have a row, by split.
        made_by: the params that decided places, as JSON values: ``seed``, ``splits``, ``order``, ``earlier``, the
            SHA-256 of the manifest that is continued, and ``names_key``, the mark of the key of its names.

    Example:
        >>> plan = Plan.open(Path("data/plan"))
        >>> plan.faces("train", 0, plan.splits["train"].rows)["sample_id"]
    """

    folder: Path
    splits: Mapping[str, SplitSpec]
    placed: Mapping[str, int]
    made_by: Mapping[str, Any]

    @property
    def names_key(self) -> str | None:
        """The mark of the key that made numbers of all names; None where the plan has names."""
        mark = self.made_by.get("names_key")
        return None if mark is None else str(mark)

    @classmethod
    def open(cls, folder: Path) -> "Plan":
        """Open the out of the stage `plan`.

        Raises:
            SourceNotFoundError: the stage has not run.
            SourceFormatError: the summary was altered.
        """
        path = folder / SUMMARY
        if not path.is_file() or not (folder / FACES).is_file():
            raise SourceNotFoundError(
                f"{folder}: expected {SUMMARY} and {FACES}; found not both; run the stage plan first (dvc repro runs "
                "all in order)"
            )
        summary = read_json(path, TypeAdapter(_Summary), _REMEDY, SourceFormatError)
        return cls(
            folder.absolute(),
            {name: SplitSpec(of.rows, tuple(of.classes)) for name, of in summary.splits.items()},
            {name: of.faces for name, of in summary.splits.items()},
            summary.made_by,
        )

    def faces(self, split: str, start: int, stop: int) -> pa.Table:
        """The faces whose row is one of ``start .. stop``, in order of the rows; a hole has none.

        Args:
            split: a name in `splits`.
            start: the first row.
            stop: one past the last; beyond the end of the split is as its end.

        Returns:
            A table of `SCHEMA` that lies in the mapped file.
        """
        ends = dict(zip(self.placed, accumulate(self.placed.values()), strict=True))
        path = self.folder / FACES
        stat = path.stat()
        faces = _mapped(path, (stat.st_ino, stat.st_mtime_ns, stat.st_size))
        faces = faces.slice(ends[split] - self.placed[split], self.placed[split])
        rows = faces["row"]
        first, last = (bisect_left(range(faces.num_rows), row, key=lambda i: rows[i].as_py()) for row in (start, stop))
        return faces.slice(first, max(last - first, 0))


@lru_cache(maxsize=4)
def _mapped(path: Path, stamp: object) -> pa.Table:  # noqa: ARG001 (stamp is a cache key)
    try:
        faces = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        # Arrow believes the offsets of texts, and reads wherever they point.
        faces.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError) as error:
        if is_shortage(error):
            raise
        raise SourceFormatError(
            f"{path}: expected the faces of a plan; it does not read ({error}); {_REMEDY}"
        ) from error
    if not faces.schema.equals(SCHEMA):
        raise SourceFormatError(f"{path}: expected the columns {', '.join(SCHEMA.names)}; found others; {_REMEDY}")
    return faces


def write_plan(
    folder: Path,
    splits: Mapping[str, SplitSpec],
    batches: Mapping[str, Iterable[pa.RecordBatch]],
    counts: Mapping[str, Any],
) -> None:
    """Write a plan.

    Args:
        folder: takes `plan.arrow` and `plan.json`.
        splits: those that have rows.
        batches: the faces of each of them, as `SCHEMA` and in order of their rows.
        counts: what else `plan.json` is to say.
    """
    placed = dict.fromkeys(splits, 0)
    path = folder / FACES
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, SCHEMA) as file:
        for split in splits:
            for batch in batches[split]:
                file.write_batch(batch)
                placed[split] += batch.num_rows
    sync(path)
    summary = {
        "splits": {name: {**split.description, "faces": placed[name]} for name, split in splits.items()},
        **counts,
    }
    write_file(folder / SUMMARY, (json.dumps(summary, indent=2, ensure_ascii=False) + "\n").encode())

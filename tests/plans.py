"""Plans of faces that are names and a few bytes, as quick as Hypothesis needs them."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import assume

from faceshards.build.params import PlanParams
from faceshards.build.plan import PlanOutcome, plan_source
from faceshards.build.planfile import Plan
from faceshards.errors import BadSampleError, ParamsError
from faceshards.records import SourceFace
from faceshards.source.fingerprint import Fingerprints

SHARES = {"train": 0.7, "val": 0.2, "test": 0.1}


@dataclass(frozen=True)
class Face:
    """A face to plan; without an image of its own, that is its id."""

    sample_id: str
    person: str | None = None
    image: bytes | None = None
    checksum: bytes | None = None

    @property
    def content(self) -> bytes:
        return self.sample_id.encode() if self.image is None else self.image


class NamedFaces:
    """A source of such faces, in their order. `checksum` stands for a container's own, which may be a weak one."""

    name = "named"

    def __init__(self, *faces: Face) -> None:
        self._faces = faces

    def __len__(self) -> int:
        return len(self._faces)

    def face(self, index: int) -> SourceFace:
        of = self._faces[index]
        return SourceFace(of.sample_id, f"named/{index}/{of.sample_id}", of.person)

    def fingerprints(self, index: int) -> Fingerprints:
        of = self._faces[index]
        return Fingerprints(of.content if of.checksum is None else of.checksum, b"", b"")

    def digest(self, index: int) -> bytes:
        return self.fingerprints(index).digest

    def image_bytes(self, index: int) -> bytes:
        if self._faces[index].image == b"unreadable":
            raise BadSampleError("unreadable_file", "no such file")
        return self._faces[index].content

    def truth(self, index: int) -> None:
        return None

    def landmarks(self, index: int) -> None:
        return None


def params(**changes: object) -> PlanParams:
    return PlanParams(**{"seed": 0, "splits": {"train": 1.0}, **changes})


def planned(folder: Path, faces: list[Face], **changes: object) -> tuple[Plan, PlanOutcome]:
    """A plan in a folder of its own, and what it came to."""
    folder.mkdir(parents=True, exist_ok=True)
    outcome = plan_source(NamedFaces(*faces), folder, params(**changes))
    return Plan.open(folder), outcome


def everybody(plan: Plan) -> list[dict[str, object]]:
    """All rows of a plan with the split of each."""
    return [
        {"split": split, **row}
        for split, of in plan.splits.items()
        for row in plan.faces(split, 0, of.rows).to_pylist()
    ]


def manifest(plan: Plan, path: Path, skipped: frozenset[str] = frozenset(), **columns: list[object]) -> Path:
    """The manifest of a version made from a plan, as far as a later plan reads it; `columns` replace some."""
    rows = everybody(plan)
    table = {
        "sample_id": pa.array([row["sample_id"] for row in rows], pa.string()),
        "identity": pa.array([row["identity"] for row in rows], pa.int64()),
        "identity_name": pa.array([row["identity_name"] for row in rows], pa.string()),
        "split": pa.array([row["split"] for row in rows], pa.string()),
        "row": pa.array([row["row"] for row in rows], pa.int32()),
        "status": pa.array(["skipped" if row["sample_id"] in skipped else "ok" for row in rows]),
    }
    table |= {name: pa.array(values, table[name].type) for name, values in columns.items()}
    splits = {name: {"rows": of.rows, "classes": of.classes} for name, of in plan.splits.items()}
    key = {} if plan.names_key is None else {"names_key": plan.names_key}
    said = {"faceshards.plan": json.dumps({"splits": splits, **key})}
    pq.write_table(pa.table(table).replace_schema_metadata(said), path, row_group_size=4)
    return path


def rows_of(faces: list[Face], **changes: object) -> list[dict[str, object]]:
    """All rows of a plan that is not kept; Hypothesis passes over faces of which none goes to the first split."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return everybody(planned(Path(folder), faces, **changes)[0])
        except ParamsError as error:
            assume("none of the people" not in str(error))
            raise

"""Fuzz targets: tables, texts and notes that people and other programs write. See `run.py`."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from source_targets import folder

from faceshards.build.cluster import scheduler_address
from faceshards.build.earlier import read_earlier
from faceshards.build.params import load_params
from faceshards.build.planfile import Plan, write_plan
from faceshards.build.removal import read_removal
from faceshards.build.source import NOTE, ResolvedSource, read_note
from faceshards.errors import FaceShardsError
from faceshards.report.metrics import read_metrics
from faceshards.source.csvtable import parse_csv
from faceshards.source.fetch.partfile import PartFile
from faceshards.source.fetch.recipe import read_recipe
from faceshards.source.fetch.remote import RemoteVersion
from faceshards.source.landmarks import FIVE_POINTS, read_landmarks
from faceshards.store.schema import PLAN_KEY, SplitSpec

_ROOT = Path(__file__).resolve().parents[2]
_REMOTE = RemoteVersion("https://host/x.zip", 64, '"tag"', ranges=True)


def seeds() -> dict[str, list[bytes]]:
    """Good inputs by target."""
    note = ResolvedSource("x", "x.zip", False, "auto", None, None, None, "MIT")
    face = "a/1,40,50,70,50,55,65,42,80,68,80\n"
    counts = {"faces": 2, "used": 1, "skipped": {"label_map": 1}, "remarks": {}}
    state = {"version": {**asdict_of_remote(), "block_bytes": 16}, "done": [0, 2]}
    return {
        "params_yaml": [(_ROOT / "params.yaml").read_bytes()],
        "recipe_yaml": [(_ROOT / "manifests/facesynthetics-100.yaml").read_bytes(), b"kind: demo\nseed: 3\n"],
        "landmarks_csv": [("sample_id," + ",".join(FIVE_POINTS) + "\n" + face + face.replace("a/1", "b")).encode()],
        "ragged_csv": [b'sample_id,identity\n"a",b\n1,"x\ny"\n'],
        "removal_list": [b"# gone\nsample: a/1\nperson: anna\n"],
        "source_json": [json.dumps(asdict(note)).encode()],
        "plan_json": [_plan()[0]],
        "plan_arrow": [_plan()[1]],
        "metrics_json": [json.dumps(counts).encode()],
        "scheduler_json": [b'{"type": "Scheduler", "address": "tcp://127.0.0.1:8786"}'],
        "earlier_manifest": [_manifest()],
        "part_state": [json.dumps(state).encode()],
    }


def asdict_of_remote() -> dict[str, object]:
    """What the state of a download says of the file."""
    return {"url": _REMOTE.url, "size": _REMOTE.size, "validator": _REMOTE.validator}


def params_yaml_target(data: bytes) -> None:
    """`params.yaml`."""
    load_params(_written("params.yaml", data))


def recipe_yaml_target(data: bytes) -> None:
    """A recipe."""
    read_recipe(_written("recipe.yaml", data))


def landmarks_csv_target(data: bytes) -> None:
    """`source.landmarks`."""
    read_landmarks(_written("points.csv", data))


def ragged_csv_target(data: bytes) -> None:
    """A table of a source, strict and ragged. The reader of a ragged one takes its rows: one may lack a column."""
    with suppress(FaceShardsError):
        parse_csv(data, "x", ("sample_id",), ragged=True)
    parse_csv(data, "x", ("sample_id", "identity")).unique("identity")


def removal_list_target(data: bytes) -> None:
    """`plan.remove`."""
    read_removal(_written("remove.txt", data))


def source_json_target(data: bytes) -> None:
    """The note of the stage download."""
    _written(NOTE, data)
    read_note(folder())


def plan_json_target(data: bytes) -> None:
    """The summary of a plan."""
    _read_plan(data, _plan()[1])


def plan_arrow_target(data: bytes) -> None:
    """The faces of a plan."""
    _read_plan(_plan()[0], data)


def metrics_json_target(data: bytes) -> None:
    """A stage's metrics."""
    read_metrics({"align": _written("align.json", data)})


def scheduler_json_target(data: bytes) -> None:
    """A scheduler file."""
    scheduler_address(str(_written("scheduler.json", data)))


def earlier_manifest_target(data: bytes) -> None:
    """`plan.earlier`."""
    read_earlier(_written("manifest.parquet", data), 0)


def part_state_target(data: bytes) -> None:
    """What a killed download says that it has."""
    _written("x.zip.part", bytes(_REMOTE.size))
    _written("x.zip.part.json", data)
    part = PartFile(folder() / "x.zip", _REMOTE, 16)
    assert all(0 <= block.start < block.stop <= _REMOTE.size for block in part.missing)


def _written(name: str, data: bytes) -> Path:
    path = folder() / name
    path.write_bytes(data)
    return path


def _read_plan(summary: bytes, faces: bytes) -> None:
    place = folder() / "plan"
    place.mkdir(exist_ok=True)
    (place / "plan.json").write_bytes(summary)
    (place / "plan.arrow").unlink(missing_ok=True)  # the one before is mapped
    (place / "plan.arrow").write_bytes(faces)
    plan = Plan.open(place)
    for split, extent in plan.splits.items():
        plan.faces(split, 0, extent.rows).to_pylist()


def _plan() -> tuple[bytes, bytes]:
    place = folder() / "good-plan"
    if not place.exists():
        place.mkdir()
        splits = {"train": SplitSpec(3, ((0, 2),)), "val": SplitSpec(1, ((2, 3),))}
        rows = {"train": 3, "val": 1}
        batches = {split: [_faces(count)] for split, count in rows.items()}
        write_plan(place, splits, batches, {"made_by": {"seed": 0}})
    return (place / "plan.json").read_bytes(), (place / "plan.arrow").read_bytes()


def _faces(count: int) -> pa.RecordBatch:
    from faceshards.build.planfile import SCHEMA

    rows = [
        {
            "source_index": i,
            "sample_id": f"s{i}",
            "identity": i % 2,
            "identity_name": f"p{i % 2}",
            "row": i,
            "digest": bytes([i]) * 16,
        }
        for i in range(count)
    ]
    return pa.RecordBatch.from_pylist(rows, SCHEMA)


def _manifest() -> bytes:
    split = {"train": {"rows": 3, "classes": [[0, 2]]}}
    schema = pa.schema(
        [
            pa.field("sample_id", pa.string(), nullable=False),
            pa.field("identity", pa.int64(), nullable=False),
            pa.field("identity_name", pa.string()),
            pa.field("split", pa.string(), nullable=False),
            pa.field("row", pa.int32(), nullable=False),
        ],
        {PLAN_KEY: json.dumps({"splits": split}).encode()},
    )
    rows = [
        {"sample_id": f"s{i}", "identity": i % 2, "identity_name": f"p{i % 2}", "split": "train", "row": i}
        for i in range(3)
    ]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema), sink)
    return bytes(sink.getvalue())


TARGETS: dict[str, Callable[[bytes], None]] = {
    name.removesuffix("_target"): of for name, of in list(globals().items()) if name.endswith("_target")
}
"""By name, as in `seeds`."""

"""The small stores of `stores`, with what a test changes in them."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from stores import face_arrays, face_spec, manifest_rows

from faceshards.store import dataset_json
from faceshards.store.durable import replace_folder
from faceshards.store.finish import finish
from faceshards.store.reader import Store
from faceshards.store.schema import DATASET_JSON, INVENTORY, INVENTORY_SCHEMA, MANIFEST, SplitSpec, StoreSpec
from faceshards.store.tables import encode_table, write_row_groups
from faceshards.store.writer import create, write_shard

Row = dict[str, Any]
Edit = Callable[[str, Row, dict[str, NDArray[Any]]], None]
"""Changes one face in place: its split, its manifest row, and its row of every array."""

PROVENANCE = {"erase": {"seed": 0, "n_regions": [1, 3]}, "versions": {"numpy": "2.0.0"}}


CLASSES = ((0, 100),)
"""Those that an edit may give."""


def nothing(split: str, row: Row, face: dict[str, NDArray[Any]]) -> None:
    """An edit that leaves all as it is."""


def build_edited(
    out: Path, edit: Edit = nothing, spec: StoreSpec | None = None, provenance: dict[str, Any] = PROVENANCE
) -> Path:
    """A whole build."""
    spec = spec or face_spec()
    spec = replace(spec, splits={name: SplitSpec(split.rows, CLASSES) for name, split in spec.splits.items()})
    work = out.with_name(f"{out.name}-work")
    create(work, spec)
    for split, shard in spec.shards:
        start, stop = spec.shard_range(split, shard)
        arrays = face_arrays(split, start, stop)
        for array in spec.arrays:  # of which it may have fewer variants
            arrays[array.name] = arrays[array.name][(slice(None), *(slice(n) for n in array.shape))]
        rows = manifest_rows(spec, split, start, arrays).to_pylist()
        for i, row in enumerate(rows):
            edit(split, row, {name: array[i : i + 1] for name, array in arrays.items()})
        table = pa.Table.from_pylist(rows, schema=spec.rows_schema)
        write_shard(work, spec, split, shard, {a.name: arrays[a.name] for a in spec.arrays}, table)
    finish(work, spec, provenance, lambda content: {"README.md": f"# {content['name']}\n"})
    replace_folder(work, out)
    return out


def with_manifest(store: Path, change: Callable[[pa.Table], pa.Table], *, together: bool = False) -> Path:
    """Put another manifest into a store, as a build with that manifest would have written it.

    `together` has all of it in one row group, as no build writes it.
    """
    opened = Store.open(store)
    info, rows = opened.info, change(opened.manifest)
    groups = [rows] if together else [rows.filter(pc.field("split") == split) for split in opened.splits]
    with (store / MANIFEST).open("wb") as file:
        write_row_groups(file, rows.schema, groups)
    data = (store / MANIFEST).read_bytes()
    info["files"][MANIFEST] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (store / DATASET_JSON).write_bytes(dataset_json.encode(info))
    return store


def with_file(store: Path, file: str, data: bytes) -> Path:
    """Put other bytes into a file of a store and agree with them in every hash above it, as who means harm would."""
    (store / file).write_bytes(data)
    record = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    def of_root(info: dict[str, Any]) -> None:
        info["files"][file] = record

    if "/" not in file:
        return with_description(store, of_root)
    rows = pq.read_table(store / INVENTORY).to_pylist()
    rows = [row | record if row["path"] == file else row for row in rows]
    return with_file(store, INVENTORY, encode_table(pa.Table.from_pylist(rows, INVENTORY_SCHEMA)))


def with_description(store: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Change the content of `dataset.json` in place, and sign it anew."""
    content = json.loads((store / DATASET_JSON).read_bytes())
    del content["sha256"]
    change(content)
    (store / DATASET_JSON).write_bytes(dataset_json.encode(content))
    return store

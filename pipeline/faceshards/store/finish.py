"""Turn a work folder of committed shards into a store."""

import hashlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from faceshards.errors import MissingShardError, StoreSpecError
from faceshards.store import dataset_json, layout
from faceshards.store.durable import sync, write_file
from faceshards.store.groups import group_metadata
from faceshards.store.schema import DATASET_JSON, FORMAT_VERSION, INVENTORY, INVENTORY_SCHEMA, MANIFEST, OK, StoreSpec
from faceshards.store.tables import encode_table
from faceshards.store.writer import COMMITS, inventory_row, is_committed, is_finished, placed_nowhere, read_commit

Documents = Callable[[Mapping[str, Any]], Mapping[str, str]]
"""From the content of `dataset.json` (tables' hashes included) to further text files of the store, by file name."""


def finish(
    work: Path,
    spec: StoreSpec,
    extra_rows: pa.Table | None,
    provenance: Mapping[str, Any],
    documents: Documents | None = None,
) -> None:
    """Write the group metadata, both tables and, last, `dataset.json`; does nothing where that is done.

    Args:
        work: a folder whose shards are all committed.
        spec: the same spec.
        extra_rows: `spec.rows_schema` rows of samples that no split holds, or None.
        provenance: JSON values that say how the store came about; the same for the same build, so no times of day.
        documents: makes a README, a Croissant description, and so on.

    The manifest is ordered by `source_index`, dropped samples in their place.

    Raises:
        MissingShardError: a shard is not committed, or its file has gone since.
        StoreSpecError: two manifest rows share a `source_index` or a `sample_id`.
    """
    if not is_finished(work):
        _refuse_missing(work, spec)
        for split in spec.splits:
            write_file(work / layout.group_path(split) / "zarr.json", group_metadata(spec, split)["zarr.json"])
        manifest, inventory = _gather(work, spec, extra_rows)
        _sweep(work, spec, inventory)
        root_files = {MANIFEST: encode_table(manifest), INVENTORY: encode_table(inventory)}
        content = _describe(spec, manifest, provenance)
        content["files"] = {name: _digest(data) for name, data in root_files.items()}
        if documents:
            texts = {name: text.encode() for name, text in documents(content).items()}
            content["files"] |= {name: _digest(data) for name, data in texts.items()}
            root_files |= texts
        for name, data in root_files.items():
            write_file(work / name, data)
        write_file(work / DATASET_JSON, dataset_json.encode(content))
    shutil.rmtree(work / COMMITS, ignore_errors=True)
    sync(work)


def _refuse_missing(work: Path, spec: StoreSpec) -> None:
    missing = [
        f"{split}-{shard}"
        for split in spec.splits
        for shard in range(spec.shard_count(split))
        if not is_committed(work, split, shard)
    ]
    if missing:
        raise MissingShardError(f"{work}: {len(missing)} shards are not written yet: {', '.join(missing[:20])}")


def _gather(work: Path, spec: StoreSpec, extra_rows: pa.Table | None) -> tuple[pa.Table, pa.Table]:
    tables = [spec.manifest_schema.empty_table()]
    files = []
    for split in spec.splits:
        group = work / layout.group_path(split)
        files.append(inventory_row(work, group / "zarr.json", split, None, None))
        files.extend(inventory_row(work, group / a.name / "zarr.json", split, a.name, None) for a in spec.arrays)
        for shard in range(spec.shard_count(split)):
            rows, shard_files = read_commit(work, split, shard)
            tables.append(rows)
            files.extend(shard_files)
    if extra_rows is not None:
        tables.append(placed_nowhere(extra_rows, spec))
    for file in files:
        path = work / file["path"]
        if not path.is_file() or path.stat().st_size != file["bytes"]:
            raise MissingShardError(f"{path} was committed with {file['bytes']} bytes and has gone or changed since")
    manifest = pa.concat_tables(tables).sort_by("source_index")
    for column in ("source_index", "sample_id"):
        if pc.count_distinct(manifest[column], mode="all").as_py() != manifest.num_rows:
            raise StoreSpecError(f"manifest: two rows share a {column}; it must be unique in the store")
    return manifest, pa.Table.from_pylist(sorted(files, key=lambda f: f["path"]), INVENTORY_SCHEMA)


def _sweep(work: Path, spec: StoreSpec, inventory: pa.Table) -> None:
    """Remove what killed runs left: a shard's temporary file changes the hash of the whole folder."""
    listed = set(inventory["path"].to_pylist())
    for split in spec.splits:
        for path in sorted((work / layout.group_path(split)).rglob("*")):
            if path.is_file() and path.relative_to(work).as_posix() not in listed:
                path.unlink()
    for path in work.glob("*.partial"):
        path.unlink()


def _describe(spec: StoreSpec, manifest: pa.Table, provenance: Mapping[str, Any]) -> dict[str, Any]:
    usable = manifest.filter(pc.equal(manifest["status"], OK))
    counts = {v["values"]: v["counts"] for v in pc.value_counts(usable["split"]).to_pylist()}
    return {
        "format": "faceshards",
        "format_version": FORMAT_VERSION,
        "name": spec.name,
        "licence": spec.licence,
        "samples": usable.num_rows,
        "skipped": manifest.num_rows - usable.num_rows,
        "splits": {
            split: {"rows": rows, "samples": counts.get(split, 0), "shards": spec.shard_count(split)}
            for split, rows in spec.splits.items()
        },
        "shard_rows": spec.shard_rows,
        "chunk_rows": spec.chunk_rows,
        "profile": spec.profile,
        "arrays": {
            a.name: {
                "dtype": a.dtype,
                "shape": list(a.shape),
                "dimension_names": list(a.dimension_names),
                "fill_value": a.fill_value,
            }
            for a in spec.arrays
        },
        "provenance": dict(provenance),
    }


def _digest(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

"""Turn a work folder of committed shards into a store."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from faceshards.counted import counted
from faceshards.errors import MissingShardError, StoreSpecError
from faceshards.store import dataset_json, layout
from faceshards.store.classes import strange_classes
from faceshards.store.durable import sha256_of, sync, write_file, written_whole
from faceshards.store.groups import group_metadata
from faceshards.store.samenames import repeated_name
from faceshards.store.schema import DATASET_JSON, FORMAT_VERSION, INVENTORY, MANIFEST, OK, StoreSpec
from faceshards.store.tables import encode_table, open_parquet, write_row_groups
from faceshards.store.writer import (
    COMMITS,
    commit_path,
    inventory_table,
    is_committed,
    is_finished,
    metadata_rows,
    read_commit,
)

_GROUP_ROWS = 2048
"""Rows of whole shards that share a row group: of small shards many do, for each group costs some kilobytes."""

Documents = Callable[[Mapping[str, Any]], Mapping[str, str]]
"""From the content of `dataset.json` (tables' hashes included) to further text files of the store, by file name."""


def finish(work: Path, spec: StoreSpec, provenance: Mapping[str, Any], documents: Documents | None = None) -> None:
    """Write the group metadata, both tables and, last, `dataset.json`; does nothing where that is done.

    Args:
        work: a folder whose shards are all committed.
        spec: the same spec.
        provenance: JSON values that say how the store came about; the same for the same build, so no times of day.
        documents: makes a README, a Croissant description, and so on.

    The manifest is in the order of splits and rows; its row groups hold whole shards of one split.

    Raises:
        MissingShardError: a shard is not committed, or its file has gone since.
        StoreSpecError: two manifest rows share a `sample_id`, or a class id lies outside its split's.
    """
    if not is_finished(work):
        _refuse_missing(work, spec)
        for split in spec.splits:
            write_file(work / layout.group_path(split) / "zarr.json", group_metadata(spec, split)["zarr.json"])
        inventory = inventory_table(_files(work, spec))
        _refuse_changed(work, inventory)
        _sweep(work, spec, inventory)
        counts = _write_manifest(work, spec)
        root_files = {INVENTORY: encode_table(inventory)}
        content = _describe(spec, counts, provenance)
        content["files"] = {
            MANIFEST: {"bytes": (work / MANIFEST).stat().st_size, "sha256": sha256_of(work / MANIFEST)},
            **{name: _digest(data) for name, data in root_files.items()},
        }
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
    missing = [f"{split}-{shard}" for split, shard in spec.shards if not is_committed(work, split, shard)]
    if missing:
        raise MissingShardError(f"{work}: {counted(len(missing), 'shard')} not written yet: {', '.join(missing[:20])}")


def _files(work: Path, spec: StoreSpec) -> Iterator[dict[str, Any]]:
    """The inventory's rows."""
    yield from metadata_rows(work, spec)
    for split, shard in spec.shards:
        yield from read_commit(commit_path(work, split, shard))[1]


def _refuse_changed(work: Path, inventory: pa.Table) -> None:
    for name, size in zip(inventory["path"].to_pylist(), inventory["bytes"].to_pylist(), strict=True):
        path = work / name
        if not path.is_file() or path.stat().st_size != size:
            raise MissingShardError(f"{path} was committed with {counted(size, 'byte')} and has gone or changed since")


class _Counts(NamedTuple):
    """Usable samples by split, and how many dropped out."""

    usable: dict[str, int]
    skipped: int


def _write_manifest(work: Path, spec: StoreSpec) -> _Counts:
    """Write the manifest shard by shard, so that no more than a row group is in memory."""
    usable = dict.fromkeys(spec.splits, 0)
    skipped = 0

    def tables() -> Iterator[pa.Table]:
        nonlocal skipped
        group: list[pa.Table] = []
        for split, shard in spec.shards:
            rows, _ = read_commit(commit_path(work, split, shard))
            _refuse_strange_classes(rows["identity"], spec, split)
            ok = pc.sum(pc.equal(rows["status"], OK)).as_py() or 0
            usable[split] += ok
            skipped += rows.num_rows - ok
            group.append(rows.cast(spec.manifest_schema))
            if sum(table.num_rows for table in group) >= _GROUP_ROWS or shard + 1 == spec.shard_count(split):
                yield pa.concat_tables(group)
                group.clear()

    with written_whole(work / MANIFEST) as file:
        write_row_groups(file, spec.manifest_schema, tables())
    if (name := repeated_name(partial(_names, work / MANIFEST), sum(usable.values()) + skipped)) is not None:
        raise StoreSpecError(f"manifest: two rows share the sample_id {name!r}; it must be unique in the store")
    return _Counts(usable, skipped)


def _names(manifest: Path) -> Iterator[list[str]]:
    """The sample ids of a manifest, one row group after the other."""
    with open_parquet(manifest) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, ["sample_id"], use_threads=False)["sample_id"].to_pylist()


def _refuse_strange_classes(identity: pa.ChunkedArray, spec: StoreSpec, split: str) -> None:
    classes = spec.splits[split].classes
    if strange := sorted(set(strange_classes(identity.to_numpy(), classes).tolist())):
        raise StoreSpecError(f"split {split!r} has the class ids {list(classes)}; its faces have {strange[:5]} as well")


def _sweep(work: Path, spec: StoreSpec, inventory: pa.Table) -> None:
    """Remove what killed runs left: a shard's temporary file changes the hash of the whole folder."""
    listed = set(inventory["path"].to_pylist())
    for split in spec.splits:
        for path in sorted((work / layout.group_path(split)).rglob("*")):
            if path.is_file() and path.relative_to(work).as_posix() not in listed:
                path.unlink()
    for path in work.glob("*.partial"):
        path.unlink()


def _describe(spec: StoreSpec, counts: _Counts, provenance: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "format": "faceshards",
        "format_version": FORMAT_VERSION,
        "name": spec.name,
        "licence": spec.licence,
        "about": dict(spec.about),
        "samples": sum(counts.usable.values()),
        "skipped": counts.skipped,
        "splits": {
            split: {**extent, "samples": counts.usable[split], "shards": spec.shard_count(split)}
            for split, extent in spec.extents.items()
        },
        "shard_rows": spec.shard_rows,
        "chunk_rows": spec.chunk_rows,
        "profile": spec.profile,
        "arrays": {array.name: array.description for array in spec.all_arrays},
        "provenance": dict(provenance),
    }


def _digest(data: bytes) -> dict[str, Any]:
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

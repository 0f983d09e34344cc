"""Write a store: `create`, then every shard in any order and any process, then `finish`.

Work goes on in a folder of its own. A shard is committed by its rows file, which is renamed into place after the
shard's bytes are on the disk; what is committed is never written again. So a build may be killed at any moment and run
again, and the bytes are those of a build that was not.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import zarr
from numpy.typing import NDArray

from faceshards.counted import counted
from faceshards.errors import StoreFormatError, StoreSpecError
from faceshards.store import layout
from faceshards.store.codecs import filters_leave_literals, keeps_files
from faceshards.store.description import check_arrays
from faceshards.store.durable import sha256_of, sync, write_file
from faceshards.store.groups import group_metadata
from faceshards.store.imagefiles import EncodedImages
from faceshards.store.jsonvalue import JsonValue
from faceshards.store.schema import DATASET_JSON, INVENTORY_SCHEMA, OK, USABLE, ArraySpec, StoreSpec
from faceshards.store.shardfile import stored_checksums, write_shard_file
from faceshards.store.tables import decode_table, encode_table
from faceshards.store.zarrthread import zarr_answers

COMMITS = ".commits"
_FILES_KEY = b"faceshards.files"


def create(work: Path, spec: StoreSpec) -> None:
    """Begin a store, or go on with one that the same spec began.

    Raises:
        StoreSpecError: `work` was begun with another spec, or arrays of it have other forms than readers expect.
    """
    try:
        described = {array.name: array.description for array in spec.all_arrays}
        check_arrays(JsonValue(described, spec.name, ("arrays",)), spec.chunk_rows)
    except StoreFormatError as error:
        raise StoreSpecError(str(error)) from error
    for split in spec.splits:
        for name, data in group_metadata(spec, split).items():
            path = work / layout.group_path(split) / name
            if path.is_file() and path.read_bytes() != data:
                raise StoreSpecError(f"{path} was begun with another spec or release; delete {work} to start anew")
            # The group's own file, which makes readers see it, is left to `finish`.
            if "/" in name and not path.exists():
                write_file(path, data)


def is_committed(work: Path, split: str, shard: int) -> bool:
    """Whether a shard is written for good."""
    return commit_path(work, split, shard).is_file() or is_finished(work)


def is_finished(work: Path) -> bool:
    """Whether `finish` has run to its end."""
    return (work / DATASET_JSON).is_file()


def write_shard(
    work: Path,
    spec: StoreSpec,
    split: str,
    shard: int,
    arrays: Mapping[str, NDArray[Any] | EncodedImages],
    rows: pa.Table,
    at: NDArray[np.int64] | None = None,
) -> None:
    """Write one shard of every array and commit it; does nothing where that is done.

    Args:
        work: the folder that `create` began.
        spec: the same spec.
        split: one of the spec's.
        shard: index of the shard within the split.
        arrays: by name, (n, ...) of the spec's dtype and shape, n the rows of the shard; images also
            as `EncodedImages`.
        rows: m samples, of `spec.rows_schema`. One that dropped out has a status other than ``"ok"``, and a reason.
        at: (m,) the row of the shard that each sample has, ascending; None where every row has one. The others are
            holes, which no sample uses.

    Raises:
        StoreSpecError: arrays or rows do not fit the spec.
        MissingExtraError: pixels are to become files, and OpenCV is not installed.
    """
    if is_committed(work, split, shard):
        return
    start, stop = spec.shard_range(split, shard)
    at = np.arange(stop - start) if at is None else at
    table = _placed(rows, spec, split, shard, at)
    _check_arrays(arrays, spec, stop - start, f"shard {shard} of split {split!r}")
    usable = np.zeros(stop - start, np.bool_)
    usable[at] = pc.equal(rows["status"], OK).to_numpy(zero_copy_only=False)
    arrays = {**arrays, USABLE.name: usable}
    files = []
    for array in spec.all_arrays:
        path = work / layout.shard_path(split, array, shard)
        values = arrays[array.name]
        if keeps_files(array, spec.profile):
            images = values if isinstance(values, EncodedImages) else EncodedImages.of(values, [None] * len(values))
            write_shard_file(path, images.files, spec.shard_rows)
        else:
            with zarr_answers():
                target = _writable(path, literal=filters_leave_literals(array, spec.profile))
                target[start:stop] = values.pixels() if isinstance(values, EncodedImages) else values
        sync(path)
        sync(path.parent)
        files.append(shard_row(work, spec, split, array, shard))
    write_file(
        commit_path(work, split, shard),
        encode_table(table.replace_schema_metadata({_FILES_KEY: json.dumps(files, default=bytes.hex).encode()})),
        sweeping=False,
    )


def read_commit(path: Path) -> tuple[pa.Table, list[dict[str, Any]]]:
    """The manifest rows and the inventory rows of a committed shard, from the file that commits it."""
    table = decode_table(path.read_bytes(), str(path))
    files = json.loads(table.schema.metadata[_FILES_KEY])
    return table.replace_schema_metadata(None), [{**row, "crc32c": bytes.fromhex(row["crc32c"])} for row in files]


def shard_row(root: Path, spec: StoreSpec, split: str, array: ArraySpec, shard: int) -> dict[str, Any]:
    """The inventory's row of one shard, from its bytes on the disk.

    Raises:
        OSError: it is not there.
        CorruptShardError: it is no shard.
    """
    path = root / layout.shard_path(split, array, shard)
    capacity = spec.shard_rows // (1 if keeps_files(array, spec.profile) else spec.chunk_rows)
    return _inventory_row(root, path, split, array.name, shard, stored_checksums(path, capacity))


def _inventory_row(root: Path, path: Path, *place: str | int | bytes | None) -> dict[str, Any]:
    """From split, array, shard, and checksums of chunks."""
    values = (path.relative_to(root).as_posix(), path.stat().st_size, sha256_of(path), *place)
    return dict(zip(INVENTORY_SCHEMA.names, values, strict=True))


def metadata_rows(root: Path, spec: StoreSpec) -> Iterator[dict[str, Any]]:
    """The inventory's rows of all ``zarr.json`` files, from their bytes on the disk."""
    for split in spec.splits:
        yield _inventory_row(root, root / layout.group_path(split) / layout.METADATA, split, None, None, None)
        for array in spec.all_arrays:
            path = root / layout.array_path(split, array.name) / layout.METADATA
            yield _inventory_row(root, path, split, array.name, None, None)


def inventory_table(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """The inventory of some rows, which are put in the order of their paths."""
    return pa.Table.from_pylist(sorted(rows, key=lambda row: str(row["path"])), INVENTORY_SCHEMA)


def commit_path(work: Path, split: str, shard: int) -> Path:
    """The file that commits a shard: its manifest rows, with its inventory rows in the schema's metadata."""
    return work / COMMITS / f"{split}-{shard}.parquet"


def _writable(shard: Path, *, literal: bool) -> zarr.Array[Any]:
    # A shard file of a killed run would be merged with ours.
    shard.unlink(missing_ok=True)
    # Else a chunk of nothing but fill values would be left out, and pass for a missing one. (As an argument of
    # `open_array` the option is ignored: zarr 3.1.)
    array = zarr.open_array(shard.parent, mode="r+").with_config({"write_empty_chunks": True})
    if not literal:
        return array
    from faceshards.store.literal_zstd import with_literal_frames  # needs zstandard, which the other profiles do not

    return with_literal_frames(array)


def _placed(rows: pa.Table, spec: StoreSpec, split: str, shard: int, at: NDArray[np.int64]) -> pa.Table:
    start, stop = spec.shard_range(split, shard)
    where = f"shard {shard} of split {split!r}"
    if rows.num_rows != len(at) or (np.diff(at, prepend=-1, append=stop - start) < 1).any():
        raise StoreSpecError(
            f"{where} has {counted(stop - start, 'row')}; got {counted(rows.num_rows, 'manifest row')} for {len(at)} "
            "of them, which must be ascending"
        )
    if not rows.schema.equals(spec.rows_schema):
        raise StoreSpecError(f"manifest rows: expected the schema\n{spec.rows_schema}\nfound\n{rows.schema}")
    n = rows.num_rows
    placement = {
        "split": pa.repeat(split, n),
        "shard": np.full(n, shard, np.int32),
        "row": (start + at).astype(np.int32),
    }
    columns = {name: rows[name] for name in rows.column_names} | placement
    return pa.table([columns[name] for name in spec.manifest_schema.names], schema=spec.manifest_schema)


def _check_arrays(arrays: Mapping[str, NDArray[Any] | EncodedImages], spec: StoreSpec, n: int, where: str) -> None:
    expected = {a.name: (a.numpy_dtype, (n, *a.shape)) for a in spec.arrays}
    found = {name: (data.dtype, data.shape) for name, data in arrays.items()}
    if found != expected:
        wrong = sorted(k for k in expected | found if expected.get(k) != found.get(k))
        raise StoreSpecError(
            f"{where}: "
            + "; ".join(f"{k}: expected {expected.get(k, 'nothing')}, got {found.get(k, 'nothing')}" for k in wrong)
        )

"""Fuzz targets: one a reader of a store's files. Each takes what may lie there and raises only where a reader fails us.

A reader fails us where it raises anything but a `FaceShardsError`. Files are put into a small store of their own, and
the hashes above them are made to agree, as someone who means harm would. So what is tried is what the files say, and
not whether a hash notices that they changed.
"""

import atexit
import json
import shutil
import tempfile
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import google_crc32c
import pyarrow as pa
import pyarrow.parquet as pq
from edited_stores import with_file
from stores import build_faces, face_spec

import faceshards
from faceshards.errors import FaceShardsError
from faceshards.export.faces import Selection
from faceshards.loader.dataset import Dataset
from faceshards.store import dataset_json
from faceshards.store.reader import Store
from faceshards.store.remote import open_store
from faceshards.store.schema import DATASET_JSON, INVENTORY, INVENTORY_SCHEMA, MANIFEST
from faceshards.store.sha256sums import read_sha256sums
from faceshards.store.shardfile import CRC_BYTES, stored_checksums
from faceshards.store.tables import encode_table
from faceshards.store.verify import verify
from faceshards.versions.address import open_version
from faceshards.versions.diff import diff
from faceshards.versions.dvcout import read_listing
from faceshards.versions.repair import repair

SHARD = "train.zarr/image/c.0.0.0.0"
METADATA = "train.zarr/image/zarr.json"
GROUP = "train.zarr/zarr.json"
_INNER = 2  # chunks of the shard


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="faceshards-fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    build_faces(folder / "work", folder / "sound", face_spec({"train": 6, "val": 1}, shard_rows=4, chunk_rows=2))
    return folder


def seeds() -> dict[str, bytes]:
    """A good file for each target, by its name, to begin with."""
    sound = _folder() / "sound"
    lines = (f"{'0' * 64}  {name}\n" for name in (DATASET_JSON, SHARD))
    return {
        "dataset_json": (sound / DATASET_JSON).read_bytes(),
        "zarr_json": (sound / METADATA).read_bytes(),
        "group_zarr_json": (sound / GROUP).read_bytes(),
        "manifest": (sound / MANIFEST).read_bytes(),
        "inventory": (sound / INVENTORY).read_bytes(),
        "sha256sums": "".join(lines).encode(),
        "shard_index": (sound / SHARD).read_bytes()[-16 * _INNER - CRC_BYTES : -CRC_BYTES],
        "shard": (sound / SHARD).read_bytes(),
        "remote_listing": json.dumps([{"relpath": SHARD, "md5": "0" * 32}]).encode(),
        "remote_dataset_json": (sound / DATASET_JSON).read_bytes(),
    }


def dataset_json_target(data: bytes) -> None:
    """`dataset.json`."""
    with _copy() as store:
        (store / DATASET_JSON).write_bytes(_signed(data))
        _read_all(store)


def zarr_json_target(data: bytes) -> None:
    """The ``zarr.json`` of an array."""
    with _copy() as store:
        _read_all(with_file(store, METADATA, data))


def group_zarr_json_target(data: bytes) -> None:
    """The ``zarr.json`` of a group."""
    with _copy() as store:
        _read_all(with_file(store, GROUP, data))


def manifest_target(data: bytes) -> None:
    """`manifest.parquet`."""
    with _copy() as store:
        _read_all(with_file(store, MANIFEST, data))


def inventory_target(data: bytes) -> None:
    """`files.parquet`, which `diff` and `repair` go by as well."""
    with _copy() as store:
        _read_all(with_file(store, INVENTORY, data))
        with suppress(FaceShardsError):
            diff(open_version(str(_folder() / "sound")), open_version(str(store)))
        with suppress(FaceShardsError):
            repair(store)


def sha256sums_target(data: bytes) -> None:
    """A list as ``sha256sum`` writes it."""
    path = _folder() / "list.sha256"
    path.write_bytes(data)
    with suppress(FaceShardsError):
        read_sha256sums(path)


def shard_index_target(data: bytes) -> None:
    """The index of a shard, whose checksum fits."""
    chunks = (_folder() / "sound" / SHARD).read_bytes()[: -16 * _INNER - CRC_BYTES]
    shard_target(chunks + data + int(google_crc32c.value(data)).to_bytes(CRC_BYTES, "little"))


def shard_target(data: bytes) -> None:
    """A shard, whose chunks the inventory lists with the checksums that they have."""
    with _copy() as store:
        (store / SHARD).write_bytes(data)
        with suppress(FaceShardsError):
            _list_chunks(store, stored_checksums(store / SHARD, _INNER))
        _read_all(with_file(store, SHARD, data))


def remote_listing_target(data: bytes) -> None:
    """What a DVC remote lists of a folder."""
    with suppress(FaceShardsError):
        for path in read_listing(data, "the list"):
            assert not Path(path).is_absolute()
            assert ".." not in Path(path).parts


def remote_dataset_json_target(data: bytes) -> None:
    """`dataset.json` at a URL: nothing is written but below the cache."""
    with _copy() as store:
        (store / DATASET_JSON).write_bytes(_signed(data))
        folder = store.with_name("cache")
        shutil.rmtree(folder, ignore_errors=True)
        outside = {*store.parent.iterdir(), folder}
        with suppress(FaceShardsError):
            remote = open_store(f"file://{store}", cache=faceshards.Cache(folder, 10**8))
            for split in remote.splits:
                for array in remote.arrays:
                    with suppress(FaceShardsError):
                        remote.read(split, array)
        assert {*store.parent.iterdir()} <= outside


TARGETS: dict[str, Callable[[bytes], None]] = {
    name.removesuffix("_target"): target for name, target in list(globals().items()) if name.endswith("_target")
}
"""By name, as in `seeds`."""


class _copy:
    """A copy of the sound store, for one try."""

    def __enter__(self) -> Path:
        folder = _folder() / "try"
        shutil.rmtree(folder, ignore_errors=True)
        return Path(shutil.copytree(_folder() / "sound", folder / "store"))

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(_folder() / "try", ignore_errors=True)


def _signed(data: bytes) -> bytes:
    """A `dataset.json` whose checksum fits, where it is JSON at all."""
    try:
        content = json.loads(data)
        content.pop("sha256", None)
        return dataset_json.encode(content)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return data


def _list_chunks(store: Path, checksums: bytes) -> None:
    rows = pq.read_table(store / INVENTORY).to_pylist()
    rows = [row | {"crc32c": checksums} if row["path"] == SHARD else row for row in rows]
    (store / INVENTORY).write_bytes(encode_table(pa.Table.from_pylist(rows, INVENTORY_SCHEMA)))


def _read_all(path: Path) -> None:
    """Everything that reads a store."""
    with suppress(FaceShardsError):
        [str(problem) for problem in verify(path).problems]
    try:
        store = Store.open(path)
    except FaceShardsError:
        return
    for split in store.splits:
        with suppress(FaceShardsError, IndexError):  # as of any sequence that is empty
            faces = Dataset(store, split)
            for view in ("all_variants", "variants", "erase"):
                with suppress(FaceShardsError):
                    deque(faces.batches(4, shuffle=True, seed=0, threads=0, on_error="skip", view=view), 0)
            _ = faces[0], faces.labels
        with suppress(FaceShardsError):
            deque(Selection(store).faces(split), 0)
    for split, shard in store.shards:
        with suppress(FaceShardsError):
            store.rows(split, shard)

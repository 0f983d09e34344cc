"""The files of a store, checked by what its inventory says of each: its tables, and the shards for who decodes them."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceshards.counted import counted
from faceshards.errors import CorruptShardError, MissingShardError, ReplacedStoreError
from faceshards.store import dataset_json, layout
from faceshards.store.arraymetadata import check_array, check_group
from faceshards.store.durable import naming, sha256_of
from faceshards.store.filelocks import open_to_read
from faceshards.store.inventory import FileRecord, Inventory, check_size
from faceshards.store.jsonvalue import JsonValue
from faceshards.store.layout import StoreLayout
from faceshards.store.manifestfile import ManifestFile
from faceshards.store.mirror import Mirror, read_held
from faceshards.store.names import path_in
from faceshards.store.remedies import IF_DAMAGED, IF_MISSING
from faceshards.store.schema import DATASET_JSON, INVENTORY, MANIFEST, ArraySpec, SplitSpec, own_attributes, shards_of

_T = TypeVar("_T")


class StoreFiles:
    """The files of a finished store.

    Attributes:
        path: the store's folder; of a remote store, its folder in the cache.
        info: the content of `dataset.json`.
        splits: name to number of rows.
        extents: name to number of rows and class ids.
        arrays: name to spec.
        shard_rows: rows of one shard.
        chunk_rows: rows that are decoded at once; reads along these bounds waste nothing.
        layout: which files the store comes to.
        stamp: of its `dataset.json` when that was last looked at; see `dataset_json.stamp_of`.
    """

    def __init__(self, path: Path, info: Mapping[str, Any], mirror: Mirror | None = None) -> None:
        self.path = path
        self.info = info
        self._mirror = mirror
        self.stamp: tuple[int, ...] | None = None
        self.splits: dict[str, int] = {name: split["rows"] for name, split in info["splits"].items()}
        self.extents = {name: SplitSpec.of(split) for name, split in info["splits"].items()}
        self.arrays = {name: ArraySpec.of(name, array) for name, array in info["arrays"].items()}
        self.shard_rows: int = info["shard_rows"]
        self.chunk_rows: int = info["chunk_rows"]
        self.layout = StoreLayout(self.splits, self.arrays, self.shard_rows, self.chunk_rows, info["profile"])

    def __repr__(self) -> str:
        splits = ", ".join(f"{name}: {rows}" for name, rows in self.splits.items())
        return f"{type(self).__name__}({str(self.path)!r}, rows {{{splits}}}, arrays {', '.join(self.arrays)})"

    @cached_property
    def manifest(self) -> pa.Table:
        """One row a sample, ordered by split and row.

        Raises:
            MissingShardError, CorruptShardError: the table is gone, or has other bytes than `dataset.json` says, or is
                no table.
            StoreFormatError: it lacks a column, has more rows than the splits, or other row groups than whole shards of
                one split each.
        """
        return self._manifest_file.whole()

    def rows(self, split: str, shard: int) -> pa.Table:
        """The manifest's rows of one shard, without the others: only those are in memory.

        Raises:
            MissingShardError, CorruptShardError, StoreFormatError: as `manifest_parts`.
        """
        return self._manifest_file.shard(split, shard)

    def manifest_parts(self, columns: Sequence[str] | None = None, split: str | None = None) -> Iterator[pa.Table]:
        """The manifest's rows in their order, some thousands at a time, so that no more are in memory.

        Args:
            columns: names of those to read; None for all.
            split: whose rows; None for those of all splits.

        Raises:
            MissingShardError, CorruptShardError: as `manifest`.
            StoreFormatError: as `manifest`.
        """
        yield from self._manifest_file.parts(columns, split)

    def manifest_rows(self, split: str) -> int:
        """How many rows of a split the manifest has. Raises as `manifest`."""
        return self._manifest_file.count(split)

    @cached_property
    def _manifest_file(self) -> ManifestFile:
        """The manifest, once all of its bytes were held against their hash."""
        record = FileRecord(**self.info["files"][MANIFEST])

        def opened() -> ManifestFile:
            path = self._regular(MANIFEST, record.bytes)
            file = ManifestFile(path, self.layout)
            if (found := sha256_of(path)) != record.sha256:
                raise self._damaged(MANIFEST, f"SHA-256 {record.sha256}", found)
            return file

        return self._checked(MANIFEST, record, opened)

    @property
    def inventory(self) -> pa.Table:
        """One row a file of the Zarr groups. Raises as `read_inventory`."""
        return self.listed.table

    @property
    def shards(self) -> list[tuple[str, int]]:
        """Every shard: its split, and its number in the split."""
        return shards_of(self.extents, self.shard_rows)

    def read_inventory(self) -> None:
        """Read the inventory now, so that processes forked from here on share it.

        Raises:
            MissingShardError, CorruptShardError: as `manifest`.
            StoreFormatError: it lists other files than `dataset.json` comes to.
        """
        _ = self.listed

    def array_metadata(self, split: str, array: str) -> dict[str, Any]:
        """The content of an array's ``zarr.json``.

        Raises:
            MissingShardError, CorruptShardError: as `manifest`.
            StoreFormatError: it describes another array than `dataset.json` does.
        """
        file = f"{layout.array_path(split, array)}/{layout.METADATA}"
        return check_array(self.read_bytes(file), self.layout, split, array, str(self.path / file))

    def check_group(self, split: str) -> None:
        """See that the ``zarr.json`` of a split's group says what `dataset.json` says. Raises as `array_metadata`."""
        file = f"{layout.group_path(split)}/{layout.METADATA}"
        attributes = own_attributes(self.info["name"], self.info["licence"])
        check_group(self.read_bytes(file), self.layout, split, attributes, str(self.path / file))

    def provenance(self, *names: str) -> Any:
        """What `dataset.json` says of how the store came about: the member of a member, and so on.

        Raises:
            StoreFormatError: it does not say so.
        """
        value = JsonValue(self.info["provenance"], str(self.path / DATASET_JSON), ("provenance",))
        for name in names:
            value = value.member(name)
        return value.value

    @property
    def names_key(self) -> str | None:
        """The mark of the key that made numbers of all names, by `dataset.json`; None where the store has names."""
        plan = self.info["provenance"].get("plan")
        mark = plan.get("names_key") if isinstance(plan, dict) else None
        return mark if isinstance(mark, str) else None

    def sha256(self, split: str, array: str, shard: int) -> str:
        """SHA-256 of a shard's file, by the inventory. Raises as `file_size`."""
        return self._record(layout.shard_path(split, self.arrays[array], shard)).sha256

    def file_size(self, file: str) -> int:
        """Bytes of a file of the Zarr groups, by the inventory; a StoreFormatError where that does not list it."""
        return self._record(file).bytes

    def checksums(self, file: str) -> NDArray[np.uint32]:
        """(chunks,) the CRC-32C of each inner chunk of a shard, by the inventory. Raises as `file_size`."""
        return self.listed.checksums(file)

    def read_bytes(self, file: str) -> bytes:
        """A whole file of the Zarr groups. Raises as `manifest`."""
        return self._read_bytes(file, self._record(file))

    @contextmanager
    def opened(self, file: str) -> Iterator[int]:
        """A descriptor of a shard's file, for reading while the context lasts.

        Raises:
            MissingShardError, CorruptShardError: it is gone, or has another size than the inventory says; or another
                version of the store lies there by now.
        """
        try:
            handle = open_to_read(path_in(self.path, file))
        except FileNotFoundError:
            raise self._missing(file) from None
        except PermissionError:
            if (self.path / file).is_dir():  # which Windows does not open
                raise self._damaged(file, "a file", "a folder") from None
            raise
        try:
            # After it was opened, for the folder may be replaced at any moment.
            self._refuse_other_version()
            self._compare(file, os.fstat(handle), self._record(file).bytes)
            yield handle
        finally:
            os.close(handle)

    def _refuse_other_version(self) -> None:
        """See that the store is the one that was opened; files of another may have the same sizes."""
        if self._mirror is not None:
            return
        if (stamp := dataset_json.stamp_of(self.path)) is None:
            raise self.replaced("no store")
        if stamp != self.stamp and dataset_json.load(self.path)["files"] != self.info["files"]:
            raise self.replaced()
        self.stamp = stamp

    def replaced(self, found: str = "another version of it") -> ReplacedStoreError:
        """What to raise where the folder does not hold the version that was opened."""
        return ReplacedStoreError(
            f"{self.path}: expected the store that was opened; found {found} in its place. Open it "
            "again; to read on while the next version is made, open a copy"
        )

    def hold(self, file: str) -> AbstractContextManager[Path]:
        """Have a file of the store on this disk, by its path in the store; of a remote one, while the context lasts.

        Raises:
            StoreFormatError: the inventory does not list it.
            MissingShardError, CorruptShardError, DownloadError, CacheError: a remote file cannot be had.
        """
        if self._mirror is None:
            return nullcontext(path_in(self.path, file))
        return self._mirror.hold(file, *self._record(file))

    def checked(self, file: str, read: Callable[[], _T]) -> _T:
        """Read a file of the Zarr groups; where the cache's copy of it turns out to be damaged, read a fresh one.

        Args:
            file: its path in the store; held while it is read.
            read: raises `CorruptShardError` where it is damaged.

        Raises:
            StoreFormatError: the inventory does not list it.
            MissingShardError, CorruptShardError, DownloadError, CacheError: it cannot be had.
        """
        return self._checked(file, self._record(file), read)

    def _checked(self, file: str, record: FileRecord, read: Callable[[], _T]) -> _T:
        with naming(self.path / file):
            return read() if self._mirror is None else read_held(self._mirror, file, record, read)

    def _compare(self, file: str, found: os.stat_result, size: int) -> None:
        """See that it is a file, and of so many bytes."""
        if not stat.S_ISREG(found.st_mode):
            raise self._damaged(file, "a file", "a folder, a pipe or a device")
        if found.st_size != size:
            raise self._damaged(file, counted(size, "byte"), f"{found.st_size:,}")

    def _regular(self, file: str, size: int) -> Path:
        """Where a file lies, of so many bytes: before it is opened, and before memory is taken for it."""
        path = path_in(self.path, file)
        try:
            self._compare(file, path.stat(), size)
        except FileNotFoundError:
            raise self._missing(file) from None
        return path

    def _damaged(self, file: str, expected: str, found: str) -> CorruptShardError:
        """What to raise where a file is not as it was; where the whole store is another, that is raised."""
        self._refuse_other_version()
        return CorruptShardError(f"{self.path / file}: expected {expected}, found {found}. {IF_DAMAGED}")

    def _missing(self, file: str) -> MissingShardError:
        """What to raise where a file is gone; where the whole store is gone, or another, that is raised."""
        self._refuse_other_version()
        return MissingShardError(f"{self.path / file} belongs to the store and is not on the disk. {IF_MISSING}")

    @cached_property
    def listed(self) -> Inventory:
        """The inventory, held against `dataset.json`. Raises as `read_inventory`."""
        where = str(self.path / INVENTORY)
        record = FileRecord(**self.info["files"][INVENTORY])
        check_size(record.bytes, self.layout, where)
        return Inventory.decoded(self._read_bytes(INVENTORY, record), self.layout, where)

    def _record(self, file: str) -> FileRecord:
        at_the_root = self.info["files"].get(file)
        return self.listed.record(file) if at_the_root is None else FileRecord(**at_the_root)

    def _read_bytes(self, file: str, record: FileRecord) -> bytes:
        def read() -> bytes:
            data = self._regular(file, record.bytes).read_bytes()
            if (found := hashlib.sha256(data).hexdigest()) != record.sha256:
                raise self._damaged(file, f"SHA-256 {record.sha256}", found)
            return data

        return self._checked(file, record, read)

"""The files of a store, checked by what its inventory says of each: its tables, and the shards for who decodes them."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import pyarrow as pa

from faceshards.errors import CorruptShardError, MissingShardError, StoreFormatError, StoreSpecError
from faceshards.store import dataset_json, layout
from faceshards.store.durable import sha256_of
from faceshards.store.schema import DATASET_JSON, INVENTORY, MANIFEST, ArraySpec, SplitSpec, shards_of
from faceshards.store.tables import ManifestFile, decode_table

_T = TypeVar("_T")

IF_MISSING = (
    "`faceshards verify` lists all damage; `faceshards repair`, or `dvc checkout --force`, brings the file back"
)
IF_DAMAGED = (
    "`faceshards verify` lists all damage, and `faceshards repair` mends it from another copy; DVC's cached copy may "
    "share the damage, which `dvc checkout` does not see (docs/store.md, Damage)"
)


class FileRecord(NamedTuple):
    """What the inventory says of a file."""

    bytes: int
    sha256: str


class Mirror(Protocol):
    """What brings the files of a store that lies elsewhere to this disk."""

    def hold(self, file: str, size: int, sha256: str) -> AbstractContextManager[Path]:
        """Have a file, by its path in the store, whole and unharmed, while the context lasts."""
        ...

    def drop(self, file: str) -> None:
        """Forget a file, which is then brought anew when it is next held."""
        ...


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
    """

    def __init__(self, path: Path, info: Mapping[str, Any], mirror: Mirror | None = None) -> None:
        self.path = path
        self.info = info
        self._mirror = mirror
        self._stamp: tuple[int, ...] | None = None
        self.splits: dict[str, int] = {name: split["rows"] for name, split in info["splits"].items()}
        self.extents = {name: SplitSpec.of(split) for name, split in info["splits"].items()}
        self.arrays = {name: ArraySpec.of(name, array) for name, array in info["arrays"].items()}
        self.shard_rows: int = info["shard_rows"]
        self.chunk_rows: int = info["chunk_rows"]

    def __repr__(self) -> str:
        splits = ", ".join(f"{name}: {rows}" for name, rows in self.splits.items())
        return f"{type(self).__name__}({str(self.path)!r}, rows {{{splits}}}, arrays {', '.join(self.arrays)})"

    @cached_property
    def manifest(self) -> pa.Table:
        """One row a sample, ordered by split and row.

        Raises:
            MissingShardError, CorruptShardError: the table is gone, or has other bytes than `dataset.json` says.
        """
        return self._table(MANIFEST)

    def rows(self, split: str, shard: int) -> pa.Table:
        """The manifest's rows of one shard, without the others: only those are in memory.

        Raises:
            MissingShardError, CorruptShardError: the manifest is gone, or has another size than `dataset.json` says, or
                a checksum in it fails.
        """
        with self._manifest_errors():
            return self._manifest_file.shard(split, shard)

    def manifest_parts(self, columns: Sequence[str] | None = None, split: str | None = None) -> Iterator[pa.Table]:
        """The manifest's rows in their order, some thousands at a time, so that no more are in memory.

        Args:
            columns: names of those to read; None for all.
            split: whose rows; None for those of all splits.

        Raises:
            MissingShardError, CorruptShardError: as `manifest`.
            StoreFormatError: its row groups are not whole shards of one split each.
        """
        file = self._whole_manifest
        with self._manifest_errors():
            yield from file.parts(columns, split)

    @cached_property
    def _whole_manifest(self) -> ManifestFile:
        """The manifest, once all of its bytes were held against their hash."""
        path, expected = self.path / MANIFEST, self.info["files"][MANIFEST]["sha256"]

        def opened() -> ManifestFile:
            file = self._open_manifest()
            if (found := sha256_of(path)) != expected:
                raise self._damaged(MANIFEST, f"SHA-256 {expected}", found)
            return file

        return self._checked(MANIFEST, FileRecord(**self.info["files"][MANIFEST]), opened)

    @cached_property
    def _manifest_file(self) -> ManifestFile:
        return self._checked(MANIFEST, FileRecord(**self.info["files"][MANIFEST]), self._open_manifest)

    def _open_manifest(self) -> ManifestFile:
        path, expected = self.path / MANIFEST, self.info["files"][MANIFEST]["bytes"]
        if not path.is_file():
            raise self._missing(MANIFEST)
        if path.stat().st_size != expected:
            raise self._damaged(MANIFEST, f"{expected} bytes", str(path.stat().st_size))
        with self._manifest_errors():
            return ManifestFile(path)

    @contextmanager
    def _manifest_errors(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError) as error:
            raise CorruptShardError(f"{self.path / MANIFEST}: {error}. {IF_DAMAGED}") from error

    @cached_property
    def inventory(self) -> pa.Table:
        """One row a file of the Zarr groups. Raises as `manifest`."""
        return self._table(INVENTORY)

    @property
    def shards(self) -> list[tuple[str, int]]:
        """Every shard: its split, and its number in the split."""
        return shards_of(self.extents, self.shard_rows)

    def read_inventory(self) -> None:
        """Read the inventory now, so that processes forked from here on share it. Raises as `manifest`."""
        _ = self._records

    def array_metadata(self, split: str, array: str) -> dict[str, Any]:
        """The content of an array's ``zarr.json``. Raises as `manifest`."""
        file = f"{layout.array_path(split, array)}/zarr.json"
        content: dict[str, Any] = json.loads(self._read_bytes(file, self._record(file)))
        return content

    def sha256(self, split: str, array: str, shard: int) -> str:
        """SHA-256 of a shard's file, by the inventory. Raises as `file_size`."""
        return self._record(layout.shard_path(split, self.arrays[array], shard)).sha256

    def file_size(self, file: str) -> int:
        """Bytes of a file of the Zarr groups, by the inventory.

        Raises:
            StoreFormatError: the inventory does not have it.
        """
        return self._record(file).bytes

    @contextmanager
    def opened(self, file: str) -> Iterator[int]:
        """A descriptor of a shard's file, for reading while the context lasts.

        Raises:
            MissingShardError, CorruptShardError: it is gone, or has another size than the inventory says; or another
                version of the store lies there by now.
        """
        try:
            handle = os.open(self.path / file, os.O_RDONLY)
        except FileNotFoundError:
            raise self._missing(file) from None
        try:
            # After it was opened, for the folder may be replaced at any moment.
            self._refuse_other_version()
            self._compare_size(file, os.fstat(handle).st_size)
            yield handle
        finally:
            os.close(handle)

    def _refuse_other_version(self) -> None:
        """See that the store is the one that was opened; files of another may have the same sizes."""
        if self._mirror is not None:
            return
        try:
            stat = (self.path / DATASET_JSON).stat()
            stamp = stat.st_ino, stat.st_mtime_ns, stat.st_size
            same = stamp == self._stamp or dataset_json.load(self.path)["files"] == self.info["files"]
        except FileNotFoundError:
            raise self._missing(DATASET_JSON) from None
        if not same:
            raise self.replaced()
        self._stamp = stamp

    def replaced(self) -> CorruptShardError:
        """What to raise where the folder holds another version than the one that was opened."""
        return CorruptShardError(
            f"{self.path}: expected the store that was opened; found another version of it in its place. Open it "
            "again; to read on while the next version is made, open a copy"
        )

    def hold(self, file: str) -> AbstractContextManager[Path]:
        """Have a file of the store on this disk, by its path in the store; of a remote one, while the context lasts.

        Raises:
            StoreFormatError: the inventory does not list it.
            MissingShardError, CorruptShardError, DownloadError, CacheError: a remote file cannot be had.
        """
        if self._mirror is None:
            return nullcontext(self.path / file)
        return self._mirror.hold(file, *self._record(file))

    def _known(self, known: Mapping[str, Any], name: str, what: str) -> Any:
        if name not in known:
            raise StoreSpecError(f"{self.path} has no {what} {name!r}; it has: {', '.join(known)}")
        return known[name]

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
        if self._mirror is None:
            return read()
        with self._mirror.hold(file, *record):
            try:
                return read()
            except CorruptShardError:
                pass
        self._mirror.drop(file)
        with self._mirror.hold(file, *record):
            return read()

    def _compare_size(self, file: str, found: int) -> None:
        expected = self._record(file).bytes
        if found != expected:
            raise self._damaged(file, f"{expected} bytes", str(found))

    def _damaged(self, file: str, expected: str, found: str) -> CorruptShardError:
        """What to raise where a file is not as it was; where the whole store is another, that is raised."""
        self._refuse_other_version()
        return CorruptShardError(f"{self.path / file}: expected {expected}, found {found}. {IF_DAMAGED}")

    def _missing(self, file: str) -> MissingShardError:
        return MissingShardError(f"{self.path / file} is in the inventory and not on the disk. {IF_MISSING}")

    @cached_property
    def _records(self) -> dict[str, FileRecord]:
        columns = (self.inventory[name].to_pylist() for name in ("path", "bytes", "sha256"))
        return {path: FileRecord(size, digest) for path, size, digest in zip(*columns, strict=True)}

    def _record(self, file: str) -> FileRecord:
        if file not in self._records:
            raise StoreFormatError(f"{self.path / INVENTORY} does not list {file}, which the store needs; rebuild it")
        return self._records[file]

    def _table(self, name: str) -> pa.Table:
        return decode_table(self._read_bytes(name, FileRecord(**self.info["files"][name])))

    def _read_bytes(self, file: str, record: FileRecord) -> bytes:
        path = self.path / file

        def read() -> bytes:
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                raise MissingShardError(f"{path} belongs to the store and is not on the disk. {IF_MISSING}") from None
            found = hashlib.sha256(data).hexdigest()
            if found != record.sha256:
                raise self._damaged(file, f"SHA-256 {record.sha256}", found)
            return data

        return self._checked(file, record, read)

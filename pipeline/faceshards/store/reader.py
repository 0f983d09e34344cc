"""Read a store: nothing that is missing or damaged is ever handed out as data."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import pyarrow as pa
import zarr
from numpy.typing import NDArray

from faceshards.errors import CorruptShardError, MissingShardError, StoreFormatError, StoreSpecError
from faceshards.store import dataset_json, filters, imagecodec, layout  # noqa: F401 (Zarr then knows our codecs)
from faceshards.store.schema import INVENTORY, MANIFEST, ArraySpec, SplitSpec
from faceshards.store.tables import ShardRows, decode_table

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


class Store:
    """A finished store, opened for reading. Picklable: a process opens the folder once, however often it is sent.

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
        self.splits: dict[str, int] = {name: split["rows"] for name, split in info["splits"].items()}
        self.extents = {
            name: SplitSpec(split["rows"], tuple((first, stop) for first, stop in split["classes"]))
            for name, split in info["splits"].items()
        }
        self.arrays = {
            name: ArraySpec(name, a["dtype"], tuple(a["shape"]), tuple(a["dimension_names"]), a["fill_value"])
            for name, a in info["arrays"].items()
        }
        self.shard_rows: int = info["shard_rows"]
        self.chunk_rows: int = info["chunk_rows"]
        self._open_arrays: dict[tuple[str, str], zarr.Array[Any]] = {}

    @classmethod
    def open(cls, path: str | Path) -> "Store":
        """Open a store on this disk; `faceshards.store.remote.open_store` opens one at a URL as well.

        Raises:
            StoreFormatError: not a store, an unfinished one, or one of a later format.
            CorruptShardError: `dataset.json` was altered.
        """
        root = Path(path)
        return cls(root, dataset_json.load(root))

    def __reduce__(self) -> tuple[Any, ...]:
        if self._mirror is not None:
            # Not through the URL, where another store may lie by now.
            return Store, (self.path, self.info, self._mirror)
        return _opened, (self.path.absolute(), json.dumps(self.info["files"]))

    def __repr__(self) -> str:
        splits = ", ".join(f"{name}: {rows}" for name, rows in self.splits.items())
        return f"Store({str(self.path)!r}, rows {{{splits}}}, arrays {', '.join(self.arrays)})"

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
        try:
            return self._shard_rows.read(split, shard)
        except (pa.ArrowException, OSError) as error:
            raise CorruptShardError(f"{self.path / MANIFEST}: {error}. {IF_DAMAGED}") from error

    @cached_property
    def _shard_rows(self) -> ShardRows:
        path, expected = self.path / MANIFEST, self.info["files"][MANIFEST]["bytes"]
        if not path.is_file():
            raise self._missing(MANIFEST)
        if path.stat().st_size != expected:
            raise CorruptShardError(f"{path}: expected {expected} bytes, found {path.stat().st_size}. {IF_DAMAGED}")
        return ShardRows(path)

    @cached_property
    def inventory(self) -> pa.Table:
        """One row a file of the Zarr groups. Raises as `manifest`."""
        return self._table(INVENTORY)

    @property
    def shards(self) -> list[tuple[str, int]]:
        """Every shard: its split, and its number in the split."""
        counts = {split: -(-rows // self.shard_rows) for split, rows in self.splits.items()}
        return [(split, shard) for split, count in counts.items() for shard in range(count)]

    def read_tables(self) -> None:
        """Read manifest and inventory now, so that processes forked from here on share them. Raises as `manifest`."""
        _ = self.manifest, self._records

    def read(self, split: str, array: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Rows ``start .. stop`` of an array.

        Args:
            split: name of a split.
            array: name of an array.
            start: first row, 0 or more.
            stop: one past the last row; None for all that follow.

        Returns:
            (stop - start, ...) of the array's dtype.

        Raises:
            StoreSpecError: there is no such split or array.
            IndexError: the rows are not within the split.
            MissingShardError: a file is gone.
            CorruptShardError: a file has the wrong size, or a checksum in it fails.
        """
        rows = self._known(self.splits, split, "split")
        spec = self._known(self.arrays, array, "array")
        stop = rows if stop is None else stop
        if not 0 <= start <= stop <= rows:
            raise IndexError(f"rows {start}..{stop} of split {split!r}: it has {rows}")
        bounds = [start, *range((start // self.shard_rows + 1) * self.shard_rows, stop, self.shard_rows), stop]
        parts = [self._read_within_shard(split, spec, a, b) for a, b in pairwise(bounds) if a < b]
        if not parts:
            return np.empty((0, *spec.shape), spec.numpy_dtype)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

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
            MissingShardError, CorruptShardError: it is gone, or has another size than the inventory says.
        """
        try:
            handle = os.open(self.path / file, os.O_RDONLY)
        except FileNotFoundError:
            raise self._missing(file) from None
        try:
            self._compare_size(file, os.fstat(handle).st_size)
            yield handle
        finally:
            os.close(handle)

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

    def _read_within_shard(self, split: str, spec: ArraySpec, start: int, stop: int) -> NDArray[Any]:
        file = layout.shard_path(split, spec, start // self.shard_rows)
        source = self._array(split, spec.name)

        def read() -> NDArray[Any]:
            try:
                data = np.asarray(source[start:stop])
            except (ValueError, RuntimeError) as error:
                self._check_size(file)
                raise CorruptShardError(
                    f"{self.path / file}: rows {start}..{stop - 1} of split {split!r} do not decode ({error}). "
                    f"{IF_DAMAGED}"
                ) from error
            # Zarr reads an absent file as fill values. Looking afterwards also catches one that went meanwhile.
            self._check_size(file)
            return data

        return self.checked(file, read)

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

    def _check_size(self, file: str) -> None:
        try:
            found = (self.path / file).stat().st_size
        except FileNotFoundError:
            raise self._missing(file) from None
        self._compare_size(file, found)

    def _compare_size(self, file: str, found: int) -> None:
        expected = self._record(file).bytes
        if found != expected:
            raise CorruptShardError(f"{self.path / file}: expected {expected} bytes, found {found}. {IF_DAMAGED}")

    def _missing(self, file: str) -> MissingShardError:
        return MissingShardError(f"{self.path / file} is in the inventory and not on the disk. {IF_MISSING}")

    def _array(self, split: str, array: str) -> "zarr.Array[Any]":
        key = split, array
        if key not in self._open_arrays:
            folder = layout.array_path(split, array)
            metadata = f"{folder}/zarr.json"
            # A flipped digit of a shape would otherwise pass for another array.
            self._read_bytes(metadata, self._record(metadata))
            with self.hold(metadata):
                self._open_arrays[key] = zarr.open_array(self.path / folder, mode="r")
        return self._open_arrays[key]

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
                raise CorruptShardError(f"{path}: expected SHA-256 {record.sha256}, found {found}. {IF_DAMAGED}")
            return data

        return self._checked(file, record, read)


@lru_cache(maxsize=8)
def _opened(path: Path, files: str) -> Store:  # noqa: ARG001 (files is a cache key: of another store at the same path)
    """One store for all copies that a process is sent: the tables of a large one take longer to read than a shard."""
    return Store.open(path)

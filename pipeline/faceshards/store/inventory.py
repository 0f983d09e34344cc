"""The inventory of a store: which files it has, how long each is, and what bytes lie in which chunk of it."""

from typing import NamedTuple, NoReturn

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceshards.errors import StoreFormatError
from faceshards.store.jsonvalue import is_sha256
from faceshards.store.layout import ListedFile, StoreLayout
from faceshards.store.remedies import IF_WRONG
from faceshards.store.schema import INVENTORY_SCHEMA
from faceshards.store.shardfile import CRC_BYTES, index_bytes
from faceshards.store.tables import MOST_TEXT, decode_table

_HEAD = 2**20  # what Parquet says of the columns


class FileRecord(NamedTuple):
    """What a store says of a file."""

    bytes: int
    sha256: str


class _Entry(NamedTuple):
    """A file: its record, and where in the column the checksums of its chunks begin and end."""

    record: FileRecord
    start: int
    end: int


def most_bytes(layout: StoreLayout) -> int:
    """The most that the file of an inventory can have."""
    return _HEAD + layout.file_count * (_text_bytes(layout) + MOST_TEXT)


def check_size(size: int, layout: StoreLayout, where: str) -> None:
    """See that an inventory is no longer than that of such a store can be, before memory is taken for it.

    Raises:
        StoreFormatError: it is.
    """
    if size > (most := most_bytes(layout)):
        raise StoreFormatError(
            f"{where}: expected at most {most:,} bytes for {layout.file_count} files; found {size:,}. {IF_WRONG}"
        )


def _text_bytes(layout: StoreLayout) -> int:
    """Of the texts of a column, for each file: a path, or the checksums of all chunks of a shard."""
    return max(MOST_TEXT, CRC_BYTES * max(map(layout.capacity, layout.arrays)))


class Inventory:
    """A store's inventory, held against what its `dataset.json` says: it lists just the files of such a store.

    Args:
        table: `files.parquet`.
        layout: of the store.
        where: what to call the table in an error.

    Attributes:
        table: as given.

    Raises:
        StoreFormatError: it lists other files, or something that no file can have.
    """

    def __init__(self, table: pa.Table, layout: StoreLayout, where: str) -> None:
        self.table = table
        self._where, self._layout = where, layout
        if not table.schema.equals(INVENTORY_SCHEMA):
            self._refuse(f"columns of the schema\n{INVENTORY_SCHEMA}\n", f"\n{table.schema}\n")
        if table.num_rows != layout.file_count:
            self._refuse(f"the {layout.file_count} files that dataset.json comes to", str(table.num_rows))
        columns = [table[name].to_pylist() for name in ("path", "split", "array", "shard", "bytes", "sha256")]
        checksums = table["crc32c"].combine_chunks()
        _, offsets, data = checksums.buffers()
        self._checksums = np.frombuffer(data or b"", np.uint8)
        ends = np.frombuffer(offsets, np.int32)[checksums.offset :].tolist()
        self._files: dict[str, _Entry] = {}
        rows = zip(*columns, ends[:-1], ends[1:], strict=False)  # there may be room for more offsets
        for known, (*place, size, digest, start, end) in zip(sorted(layout.files()), rows, strict=True):
            if tuple(place) != known[:-1]:
                self._refuse(f"{known.path!r} as a file of {known[1:-1]}", f"{place[0]!r} of {tuple(place[1:])}")
            self._check(known, size, digest, end - start)
            self._files[known.path] = _Entry(FileRecord(size, digest), start, end)

    @classmethod
    def decoded(cls, data: bytes, layout: StoreLayout, where: str) -> "Inventory":
        """The inventory that some bytes hold, of which no more are decoded than such a store has.

        Raises:
            StoreFormatError: as `Inventory`.
            CorruptShardError: they are no table.
        """
        return cls(decode_table(data, where, layout.file_count, _text_bytes(layout)), layout, where)

    def record(self, file: str) -> FileRecord:
        """Size and SHA-256 of a file.

        Raises:
            StoreFormatError: it is not listed.
        """
        return self._entry(file).record

    def checksums(self, file: str) -> NDArray[np.uint32]:
        """(chunks,) the CRC-32C of each inner chunk of a shard, in the order of rows. Raises as `record`."""
        _, start, end = self._entry(file)
        return np.frombuffer(self._checksums[start:end].tobytes(), "<u4")

    @property
    def records(self) -> dict[str, FileRecord]:
        """Of all files, by path."""
        return {path: entry.record for path, entry in self._files.items()}

    def _entry(self, file: str) -> _Entry:
        if file not in self._files:
            self._refuse(f"{file}, which the store needs", "no such file")
        return self._files[file]

    def _check(self, file: ListedFile, size: int, digest: str, checksums: int) -> None:
        if checksums != CRC_BYTES * file.chunks:
            self._refuse(f"{file.chunks} checksums of chunks for {file.path}", f"{checksums} bytes of them")
        # A chunk has a checksum at least, so that a short file cannot claim many of them.
        least = file.chunks * (CRC_BYTES + 1)
        if file.array is not None and file.shard is not None:
            least += index_bytes(self._layout.capacity(file.array))
        if size < least or not is_sha256(digest):
            self._refuse(f"{least} bytes or more and a SHA-256 for {file.path}", f"{size} bytes, {digest[:70]!r}")

    def _refuse(self, expected: str, found: str) -> NoReturn:
        raise StoreFormatError(f"{self._where}: expected {expected}; found {found}. Build the store again")

"""The manifest, read a part at a time, and each part held against what a manifest is."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from faceshards.errors import StoreFormatError
from faceshards.store.layout import StoreLayout
from faceshards.store.remedies import IF_WRONG
from faceshards.store.schema import COLUMN_TYPES, MANIFEST_BASE, erased_field
from faceshards.store.tables import TableFile, refuse_more_rows, table_errors


class ManifestFile:
    """A manifest: its row groups hold whole shards of one split each, in their order. It is opened once.

    Args:
        path: the file.
        layout: of the store.

    Raises:
        StoreFormatError: it lacks a column, has one of another type, or its row groups are others.
        CorruptShardError: it is no Parquet file.
    """

    def __init__(self, path: Path, layout: StoreLayout) -> None:
        self._path, self._layout = path, layout
        splits = layout.splits
        with table_errors(str(path)):
            self._file = TableFile(path, str(path))
            self._schema = self._file.schema
            self._check_columns()
            refuse_more_rows(self._file.metadata, str(path), sum(splits.values()))
            self._groups = self._read_groups()
        if unknown := self._groups.keys() - splits.keys():
            self._refuse(f"rows of the splits {', '.join(splits)}", f"some of {', '.join(sorted(unknown))!r:.80}")

    def shard(self, split: str, shard: int) -> pa.Table:
        """The rows of one shard; none where nothing of it is listed. Raises as `parts`."""
        groups = self._groups.get(split, [])
        at = bisect_right(groups, shard, key=lambda group: group.first) - 1
        if at < 0 or shard > groups[at].last:
            return self._schema.empty_table()
        rows = self._read(groups[at], None)
        # A mask: an expression is worked out in threads, which Arrow waits for without end where none can start.
        return rows.filter(pc.equal(rows["shard"], shard))

    def parts(self, columns: Sequence[str] | None, split: str | None) -> Iterator[pa.Table]:
        """The rows of one row group after the other: these columns, of this split; None for all.

        Raises:
            StoreFormatError: a row is of another split or shard than its group says, lies in none of its shard's rows
                or not behind the row before it, or lacks what every row has.
            CorruptShardError: a checksum does not fit, or text is no text.
        """
        groups = [group for name, groups in self._groups.items() if split in (None, name) for group in groups]
        for group in sorted(groups, key=lambda group: group.number):
            yield self._read(group, columns)

    def count(self, split: str) -> int:
        """How many rows of a split the file itself has."""
        return sum(self._file.metadata.row_group(group.number).num_rows for group in self._groups.get(split, []))

    def whole(self) -> pa.Table:
        """All rows and columns. Raises as `parts`."""
        with table_errors(str(self._path)):
            return pa.concat_tables([self._schema.empty_table(), *self.parts(None, None)]).combine_chunks()

    def _read(self, group: "_Group", columns: Sequence[str] | None) -> pa.Table:
        """Rows of a group, all of which are those that it is found by."""
        wanted = self._schema.names if columns is None else columns
        with table_errors(str(self._path)):
            read = [*dict.fromkeys([*wanted, "split", "shard", "row"])]
            table = self._file.read(group.number, read)
            for field in MANIFEST_BASE:
                if not field.nullable and field.name in read and table[field.name].null_count:
                    self._refuse(f"a {field.name} in every row", f"none in some of row group {group.number}")
            ((split,), (shard,)) = (table[name].chunks for name in ("split", "shard"))
            numbers = np.frombuffer(shard.buffers()[1], np.int32)[shard.offset : shard.offset + len(shard)]
            # The names of splits as a dictionary: one look tells whether all of a group are the same.
            found = split.dictionary.to_pylist(), numbers.min(), numbers.max()
            if found != ([group.split], group.first, group.last):
                self._refuse(
                    f"shards {group.first}..{group.last} of {group.split!r} in row group {group.number}", "others"
                )
            self._check_rows(group, numbers, table["row"])
            return self._file.plain(table.select(wanted)).replace_schema_metadata(self._schema.metadata)

    def _check_rows(self, group: "_Group", shards: NDArray[np.int32], column: pa.ChunkedArray) -> None:
        """See that each row lies in its shard, behind the one before it; those of other groups lie in other shards."""
        parts = [np.frombuffer(part.buffers()[1], np.int32)[part.offset :][: len(part)] for part in column.chunks]
        rows, size = np.concatenate(parts), self._layout.splits[group.split]
        wrong = (rows < 0) | (rows >= size) | (rows // self._layout.shard_rows != shards)
        wrong[1:] |= rows[1:] <= rows[:-1]
        if wrong.any():
            first = int(wrong.argmax())
            self._refuse(
                f"rows of {group.split!r} in ascending order below {size}, {self._layout.shard_rows} a shard",
                f"row {rows[first]} of shard {shards[first]} in row group {group.number}",
            )

    def _check_columns(self) -> None:
        """See that all that must be there is, and that what is known is of its type."""
        known = dict(COLUMN_TYPES)
        if "erased" in self._layout.arrays:
            known["erased"] = erased_field(self._layout.arrays["erased"].shape[0]).type
        for name, type_ in known.items():
            found = [other.type for other in self._schema if other.name == name]
            if found not in ([], [type_]):
                self._refuse(f"at most one column {name}, of {type_}", ", ".join(map(str, found)))
        for field in MANIFEST_BASE:
            types = [other.type for other in self._schema if other.name == field.name]
            if types != [field.type]:
                self._refuse(f"one column {field.name} of {field.type}", ", ".join(map(str, types)) or "none")

    def _read_groups(self) -> "dict[str, list[_Group]]":
        metadata = self._file.metadata
        paths = [metadata.schema.column(i).path for i in range(metadata.num_columns)]
        split, shard = paths.index("split"), paths.index("shard")
        found: dict[str, list[_Group]] = {}
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            name, until = _least_and_greatest(group.column(split))
            first, last = _least_and_greatest(group.column(shard))
            of_split = found.setdefault(name, []) if isinstance(name, str) and name == until else None
            numbers = isinstance(first, int) and isinstance(last, int)
            if of_split is None or not numbers or (of_split and of_split[-1].last >= first):
                self._refuse("row groups of whole shards of one split each", f"others, such as row group {number}")
            of_split.append(_Group(name, first, last, number))
        return found

    def _refuse(self, expected: str, found: str) -> NoReturn:
        raise StoreFormatError(f"{self._path}: expected {expected}; found {found}. {IF_WRONG}")


def _least_and_greatest(column: pq.ColumnChunkMetaData) -> tuple[Any, Any]:
    """What the statistics of a column of a row group say; None and None where they say nothing."""
    told = column.statistics
    return (told.min, told.max) if told and told.has_min_max else (None, None)


class _Group(NamedTuple):
    """A row group: what it holds, from its statistics, and its number in the file."""

    split: str
    first: int
    last: int
    number: int

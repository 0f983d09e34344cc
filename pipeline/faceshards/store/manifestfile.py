"""The manifest, read a part at a time, and each part held against what a manifest is."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from faceshards.errors import StoreFormatError
from faceshards.store.remedies import IF_WRONG
from faceshards.store.schema import MANIFEST_BASE
from faceshards.store.tables import open_parquet, refuse_more_rows, table_errors, validated

_GROUPS_CHECKED = 1 << 16


class ManifestFile:
    """A manifest: its row groups hold whole shards of one split each, in their order. It is opened once.

    Args:
        path: the file.
        most_rows: how many rows it may have.

    Raises:
        StoreFormatError: it lacks a column, or its row groups are others.
        CorruptShardError: it is no Parquet file.
    """

    def __init__(self, path: Path, most_rows: int) -> None:
        self._path = path
        with table_errors(str(path)):
            self._file = open_parquet(path)
            # Once more, with the names of splits as a dictionary: one look tells whether all are the same.
            self._places = open_parquet(path, read_dictionary=["split"], metadata=self._file.metadata)
            self._check_columns()
            refuse_more_rows(self._file.metadata, str(path), most_rows)
            self._groups = self._read_groups()
        self._checked = lru_cache(_GROUPS_CHECKED)(self._check_group)

    def shard(self, split: str, shard: int) -> pa.Table:
        """The rows of one shard; none where nothing of it is listed. Raises as `parts`."""
        groups = self._groups.get(split, [])
        at = bisect_right(groups, shard, key=lambda group: group.first) - 1
        if at < 0 or shard > groups[at].last:
            return self._file.schema_arrow.empty_table()
        return self._read(groups[at], None).filter(pc.field("shard") == shard)

    def parts(self, columns: Sequence[str] | None, split: str | None) -> Iterator[pa.Table]:
        """The rows of one row group after the other: these columns, of this split; None for all.

        Raises:
            StoreFormatError: a row is of another split or shard than its group says, or lacks what every row has.
            CorruptShardError: a checksum does not fit, or text is no text.
        """
        groups = [group for name, groups in self._groups.items() if split in (None, name) for group in groups]
        for group in sorted(groups, key=lambda group: group.number):
            yield self._read(group, columns)

    def whole(self) -> pa.Table:
        """All rows and columns. Raises as `parts`."""
        parts = [self._file.schema_arrow.empty_table(), *self.parts(None, None)]
        return pa.concat_tables(parts).combine_chunks()

    def _read(self, group: "_Group", columns: Sequence[str] | None) -> pa.Table:
        with table_errors(str(self._path)):
            self._checked(group)
            table = validated(self._file.read_row_group(group.number, columns, use_threads=False))
        for field in MANIFEST_BASE:
            if not field.nullable and field.name in table.column_names and table[field.name].null_count:
                self._refuse(f"a {field.name} in every row", f"none in some of row group {group.number}")
        return table

    def _check_columns(self) -> None:
        schema = self._file.schema_arrow
        for field in MANIFEST_BASE:
            found = [other.type for other in schema if other.name == field.name]
            if found != [field.type]:
                self._refuse(f"one column {field.name} of {field.type}", ", ".join(map(str, found)) or "none")

    def _read_groups(self) -> "dict[str, list[_Group]]":
        metadata = self._file.metadata
        paths = [metadata.schema.column(i).path for i in range(metadata.num_columns)]
        split, shard = paths.index("split"), paths.index("shard")
        found: dict[str, list[_Group]] = {}
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            splits, shards = group.column(split).statistics, group.column(shard).statistics
            of_split = found.setdefault(splits.min, []) if splits and splits.min == splits.max else None
            if of_split is None or not shards or (of_split and of_split[-1].last >= shards.min):
                self._refuse("row groups of whole shards of one split each", f"others, such as row group {number}")
            of_split.append(_Group(splits.min, shards.min, shards.max, number))
        return found

    def _check_group(self, group: "_Group") -> None:
        """See that the rows are those that the group is found by."""
        places = self._places.read_row_group(group.number, ["split", "shard"], use_threads=False).combine_chunks()
        (split,), (shard,) = places["split"].chunks, places["shard"].chunks
        numbers = np.frombuffer(shard.buffers()[1], np.int32)[shard.offset : shard.offset + len(shard)]
        bounds = numbers.min(), numbers.max()
        if split.dictionary.to_pylist() != [group.split] or split.null_count or bounds != (group.first, group.last):
            self._refuse(
                f"row group {group.number} with shards {group.first}..{group.last} of {group.split!r}", "others in it"
            )

    def _refuse(self, expected: str, found: str) -> NoReturn:
        raise StoreFormatError(f"{self._path}: expected {expected}; found {found}. {IF_WRONG}")


class _Group(NamedTuple):
    """A row group: what it holds, from its statistics, and its number in the file."""

    split: str
    first: int
    last: int
    number: int

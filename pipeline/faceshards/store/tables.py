"""Parquet tables whose bytes follow from their rows alone, however those were gathered."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from faceshards.errors import StoreFormatError


def encode_table(table: pa.Table) -> bytes:
    """One Parquet file, zstd, page checksums."""
    sink = pa.BufferOutputStream()
    write_row_groups(sink, table.schema, [table])
    return bytes(sink.getvalue())


def write_row_groups(sink: IO[bytes] | pa.NativeFile, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    """Write tables one after the other as `encode_table` does, each as one row group; empty ones get none."""
    with pq.ParquetWriter(sink, schema, compression="zstd", write_page_checksum=True) as writer:
        for table in tables:
            if table.num_rows:
                # How a table is chunked shows in the bytes; one chunk a column takes that away.
                writer.write_table(table.combine_chunks(), row_group_size=table.num_rows)


def decode_table(data: bytes) -> pa.Table:
    """Read what `encode_table` made.

    Raises:
        pyarrow.ArrowException, OSError: the bytes are no Parquet file, or a page's checksum does not fit.
    """
    # `pq.read_table` would load pandas, where it is installed, through `pyarrow.dataset`. No threads, for Arrow keeps
    # them, in the way of a fork; and of 400 processes that ended under load one was aborted, most likely by them.
    file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True, pre_buffer=False)
    return file.read(use_threads=False)


class ManifestFile:
    """A manifest, read a part at a time: its row groups hold whole shards of one split each, in their order.

    Args:
        path: the file; it is opened once.

    Raises:
        StoreFormatError: its row groups are others.
        pyarrow.ArrowException, OSError: it is no Parquet file.
    """

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False)
        metadata = self._file.metadata
        split, shard = (metadata.schema.names.index(name) for name in ("split", "shard"))
        self._groups: dict[str, list[_Group]] = {}
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            splits, shards = group.column(split).statistics, group.column(shard).statistics
            of_split = self._groups.setdefault(splits.min, []) if splits and splits.min == splits.max else None
            if of_split is None or not shards or (of_split and of_split[-1].last >= shards.min):
                raise StoreFormatError(
                    f"{path}: expected row groups of whole shards of one split each, as faceshards writes them; row "
                    f"group {number} is another; make the store anew"
                )
            of_split.append(_Group(shards.min, shards.max, number))

    def shard(self, split: str, shard: int) -> pa.Table:
        """The rows of one shard; none where nothing of it is listed."""
        groups = self._groups.get(split, [])
        at = bisect_right(groups, shard, key=lambda group: group.first) - 1
        here = [groups[at].number] if at >= 0 and shard <= groups[at].last else []
        rows = self._file.read_row_groups(here, use_threads=False)
        return rows.filter(pc.field("shard") == shard)

    def parts(self, columns: Sequence[str] | None, split: str | None) -> Iterator[pa.Table]:
        """The rows of one row group after the other: these columns, of this split; None for all."""
        numbers = (group.number for name, groups in self._groups.items() if split in (None, name) for group in groups)
        for number in sorted(numbers):
            yield self._file.read_row_group(number, columns, use_threads=False)


class _Group(NamedTuple):
    """A row group: its first and last shard, and its number in the file."""

    first: int
    last: int
    number: int

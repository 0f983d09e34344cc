"""Parquet tables whose bytes follow from their rows alone, however those were gathered."""

from collections.abc import Iterable
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_ROW_GROUP = 65_536


def encode_table(table: pa.Table) -> bytes:
    """One Parquet file, zstd, page checksums."""
    sink = pa.BufferOutputStream()
    write_row_groups(sink, table.schema, [table])
    return bytes(sink.getvalue())


def write_row_groups(sink: IO[bytes] | pa.NativeFile, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    """Write tables one after the other as `encode_table` does, each in row groups of its own; empty ones get none."""
    with pq.ParquetWriter(sink, schema, compression="zstd", write_page_checksum=True) as writer:
        for table in tables:
            if table.num_rows:
                # How a table is chunked shows in the bytes; one chunk a column takes that away.
                writer.write_table(table.combine_chunks(), row_group_size=_ROW_GROUP)


def decode_table(data: bytes) -> pa.Table:
    """Read what `encode_table` made.

    Raises:
        pyarrow.ArrowException, OSError: the bytes are no Parquet file, or a page's checksum does not fit.
    """
    # `pq.read_table` would load pandas, where it is installed, through `pyarrow.dataset`. No threads, for Arrow keeps
    # them, in the way of a fork; and of 400 processes that ended under load one was aborted, most likely by them.
    file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True, pre_buffer=False)
    return file.read(use_threads=False)


class ShardRows:
    """The rows of single shards in a manifest, whose row groups hold whole shards of one split each.

    Args:
        path: the file; it is opened once.
    """

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False)
        metadata = self._file.metadata
        split, shard = (metadata.schema.names.index(name) for name in ("split", "shard"))
        self._groups: dict[tuple[str, int], int] = {}
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            shards = group.column(shard).statistics
            for of in range(shards.min, shards.max + 1):
                self._groups[group.column(split).statistics.min, of] = number

    def read(self, split: str, shard: int) -> pa.Table:
        """The rows of one shard; none where nothing of it is listed."""
        group = self._groups.get((split, shard))
        rows = self._file.read_row_groups([] if group is None else [group], use_threads=False)
        return rows.filter(pc.field("shard") == shard)

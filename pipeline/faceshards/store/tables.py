"""Parquet tables whose bytes follow from their rows alone, however those were gathered."""

from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
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


class RowGroups:
    """Row groups of one Parquet file, found by the values of columns that are the same throughout each of them.

    Args:
        path: the file; it is opened once.
        columns: the names of those columns.
    """

    def __init__(self, path: Path, *columns: str) -> None:
        self._file = pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False)
        metadata = self._file.metadata
        at = [metadata.schema.names.index(name) for name in columns]
        self._groups: dict[tuple[Any, ...], list[int]] = {}
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            self._groups.setdefault(tuple(group.column(i).statistics.min for i in at), []).append(number)

    def read(self, *values: Any) -> pa.Table:
        """The rows in which the columns have these values; none where no row has."""
        return self._file.read_row_groups(self._groups.get(values, []), use_threads=False)

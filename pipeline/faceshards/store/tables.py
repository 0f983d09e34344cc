"""Parquet tables whose bytes follow from their rows alone, however those were gathered."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from faceshards.errors import CorruptShardError, StoreFormatError
from faceshards.store.remedies import IF_DAMAGED, IF_WRONG


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


def decode_table(data: bytes, where: str, most_rows: int | None = None) -> pa.Table:
    """Read what `encode_table` made.

    Args:
        data: the bytes of the file.
        where: what to call it in an error.
        most_rows: how many rows it may have; None for any number.

    Raises:
        CorruptShardError: the bytes are no Parquet file, a page's checksum does not fit, or text in it is no text.
        StoreFormatError: it has more rows.
    """
    with table_errors(where):
        file = open_parquet(pa.BufferReader(data))
        refuse_more_rows(file.metadata, where, most_rows)
        return validated(file.read(use_threads=False))


def open_parquet(source: Any, **options: Any) -> pq.ParquetFile:
    """Open a Parquet file whose page checksums are checked; to be called, and read, within `table_errors`."""
    # `pq.read_table` would load pandas, where it is installed, through `pyarrow.dataset`. No threads, for Arrow keeps
    # them, in the way of a fork; and of 400 processes that ended under load one was aborted, most likely by them.
    return pq.ParquetFile(source, page_checksum_verification=True, pre_buffer=False, **options)


def refuse_more_rows(metadata: pq.FileMetaData, where: str, most: int | None) -> None:
    """Refuse a table of more rows than it can have, before memory is taken for them; raises StoreFormatError."""
    # Of the groups, by which it is read, and not of the file, which may say something else.
    rows = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    if min(rows, default=0) < 0 or (most is not None and sum(rows) > most):
        raise StoreFormatError(f"{where}: expected at most {most} rows; found {sum(rows)}. {IF_WRONG}")


def validated(table: pa.Table) -> pa.Table:
    """The same table, every value of which is one of its type."""
    table.validate(full=True)
    return table


@contextmanager
def table_errors(where: str) -> Iterator[None]:
    """Turn what reading a Parquet file raises into a CorruptShardError."""
    try:
        yield
    except (CorruptShardError, StoreFormatError):
        raise
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        raise CorruptShardError(f"{where}: {type(error).__name__}: {error}. {IF_DAMAGED}") from error

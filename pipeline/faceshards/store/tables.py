"""Parquet tables as bytes: the same rows give the same bytes, however they were gathered."""

import pyarrow as pa
import pyarrow.parquet as pq

_ROW_GROUP = 65_536


def encode_table(table: pa.Table) -> bytes:
    """One Parquet file, zstd, page checksums."""
    sink = pa.BufferOutputStream()
    # How a table is chunked shows in the bytes; one chunk a column takes that away.
    pq.write_table(
        table.combine_chunks(), sink, compression="zstd", row_group_size=_ROW_GROUP, write_page_checksum=True
    )
    return bytes(sink.getvalue())


def decode_table(data: bytes) -> pa.Table:
    """Read what `encode_table` made.

    Raises:
        pyarrow.ArrowException, OSError: the bytes are no Parquet file, or a page's checksum does not fit.
    """
    # `pq.read_table` would load pandas, where it is installed, through `pyarrow.dataset`. No threads, for Arrow keeps
    # them, in the way of a fork; and of 400 processes that ended under load one was aborted, most likely by them.
    file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True, pre_buffer=False)
    return file.read(use_threads=False)

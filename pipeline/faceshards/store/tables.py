"""Parquet tables whose bytes follow from their rows alone, however those were gathered."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from faceshards.errors import CorruptShardError, StoreFormatError
from faceshards.faulttext import is_shortage
from faceshards.store.remedies import IF_DAMAGED, IF_WRONG

MOST_TEXT = 4096
"""Bytes of a text in the tables of a store, on the average; names of files have fewer."""
_SLACK = 2**20
_FEW_ROWS = 1000
"""Rows that a table may have however short it is; each further one takes a byte: names that differ take more, and runs
of equal values, which may be of any length, fill no table of ours."""


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


def decode_table(data: bytes | Path, where: str, most_rows: int | None = None, most_text: int = MOST_TEXT) -> pa.Table:
    """Read what `encode_table` or `write_row_groups` made.

    Args:
        data: the bytes of the file, or its path.
        where: what to call it in an error.
        most_rows: how many rows it may have; None for any number.
        most_text: bytes that a text may have, as in `TableFile`.

    Raises:
        CorruptShardError: the bytes are no Parquet file, a page's checksum does not fit, or text in it is no text.
        StoreFormatError: it has more rows, more than so many bytes can hold, or longer texts.
    """
    with table_errors(where):
        file = TableFile(pa.BufferReader(data) if isinstance(data, bytes) else data, where, most_text)
        refuse_more_rows(file.metadata, where, most_rows)
        groups = [file.plain(file.read(number)) for number in range(file.metadata.num_row_groups)]
        # An empty table, as whatever Arrow makes of Python's lists, loads pandas where it is installed.
        return (pa.concat_tables(groups) if groups else file.schema.empty_table()).combine_chunks()


def open_parquet(source: Any, **options: Any) -> pq.ParquetFile:
    """Open a Parquet file of ours, whose page checksums are checked; for those of others there is `TableFile`."""
    # `pq.read_table` would load pandas, where it is installed, through `pyarrow.dataset`. No threads, for Arrow keeps
    # them, in the way of a fork; and of 400 processes that ended under load one was aborted, most likely by them.
    return pq.ParquetFile(source, page_checksum_verification=True, pre_buffer=False, **options)


class TableFile:
    """A Parquet file of others, of which no more is decoded than its rows can come to.

    A page of some bytes may claim a gigabyte, one value may stand for a billion rows, and a long text that is stored
    once may be in every row. So the rows are held against the file's length, what each column claims is looked at
    first, texts are read as dictionaries, and they are made plain only where they fit. To be opened, and read, within
    `table_errors`.

    Args:
        source: a path, or a file in memory.
        where: what to call it in an error.
        most_text: bytes that the texts of a row group may have, for each of its rows and on the average.

    Attributes:
        metadata: of the file.
        schema: of its columns as they are given.

    Raises:
        StoreFormatError: it claims more rows than so many bytes can hold, a text lies within a list or a struct, or all
            of a column are longer.
    """

    def __init__(self, source: Path | pa.BufferReader, where: str, most_text: int = MOST_TEXT) -> None:
        plain = open_parquet(source)
        size = source.stat().st_size if isinstance(source, Path) else source.size()
        refuse_more_rows(plain.metadata, where, _FEW_ROWS + size)
        self.metadata, self.schema = plain.metadata, plain.schema_arrow
        self._where, self._most = where, most_text
        about = [self.metadata.schema.column(i) for i in range(self.metadata.num_columns)]
        texts = [column.path for column in about if column.physical_type == "BYTE_ARRAY"]
        odd = set(texts) - set(self.schema.names)
        odd |= {of.path for of in about if of.physical_type == "FIXED_LEN_BYTE_ARRAY" and of.length > most_text}
        if odd:
            raise StoreFormatError(
                f"{where}: expected texts of at most {most_text} bytes, in no lists; found the column "
                f"{min(odd)!r:.80}. {IF_WRONG}"
            )
        self._file = open_parquet(source, metadata=self.metadata, read_dictionary=texts)
        self._see_columns([column.physical_type for column in about])

    def read(self, group: int, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of a row group, of these columns, None for all; texts as dictionaries, which `plain` decodes.

        Raises:
            StoreFormatError: a column claims more bytes, or more values, than so many rows can have bytes.
        """
        about = self.metadata.row_group(group)
        for number in range(about.num_columns):
            column = about.column(number)
            size = max(column.total_uncompressed_size, column.num_values)
            if size > self._room(about.num_rows):
                self._refuse(column.path_in_schema, about.num_rows, size)
        table = self._file.read_row_group(group, None if columns is None else list(columns), use_threads=False)
        table.validate(full=True)
        return table

    def plain(self, table: pa.Table) -> pa.Table:
        """What `read` gave, with the columns' own types.

        Raises:
            StoreFormatError: texts come to more bytes than so many rows can have.
        """
        for at, name in enumerate(table.column_names):
            if not pa.types.is_dictionary(table.schema.field(at).type):
                continue
            size = sum(map(_decoded_bytes, table[name].chunks))
            if size > self._room(table.num_rows):
                self._refuse(name, table.num_rows, size)
            field = self.schema.field(name)
            decoded = [chunk.dictionary_decode().cast(field.type) for chunk in table[name].chunks]
            table = table.set_column(at, field, pa.chunked_array(decoded, field.type))
        return table

    def _see_columns(self, types: Sequence[str]) -> None:
        """Raise where row groups say of their columns what cannot be: asked for it later, Arrow ends the process."""
        for group in range(self.metadata.num_row_groups):
            # No row is asked for: Arrow looks at what the columns say of themselves alone, and raises.
            next(self._file.reader.iter_batches(0, [group], list(range(len(types))), use_threads=False), None)
            found = [self.metadata.row_group(group).column(number).physical_type for number in range(len(types))]
            if found != list(types):
                raise StoreFormatError(
                    f"{self._where}: expected columns stored as {', '.join(types)}; found {', '.join(found)} in row "
                    f"group {group}. {IF_WRONG}"
                )

    def _room(self, rows: int) -> int:
        return _SLACK + self._most * rows

    def _refuse(self, column: str, rows: int, found: int) -> NoReturn:
        raise StoreFormatError(
            f"{self._where}: expected at most {self._room(rows):,} bytes in {rows} rows of a column; found {found:,} "
            f"in {column!r:.80}. {IF_WRONG}"
        )


def _decoded_bytes(chunk: pa.DictionaryArray) -> int:
    """How many bytes the texts of a column come to, each as often as it is there."""
    values = chunk.dictionary
    offsets = np.frombuffer(values.buffers()[1] or bytes(4), np.int32)[values.offset :][: len(values) + 1]
    # From the buffer, for Arrow's own way to numpy loads pandas where it is installed.
    used = chunk.indices.drop_null()
    at = np.frombuffer(used.buffers()[1] or b"", np.int32)[used.offset :][: len(used)]
    times = np.bincount(at, minlength=len(values))
    lengths = offsets[1:].astype(np.int64) - offsets[:-1]
    return int((lengths * times[: len(lengths)]).sum())


def refuse_more_rows(metadata: pq.FileMetaData, where: str, most: int | None) -> None:
    """Refuse a table of more rows than it can have, before memory is taken for them; raises StoreFormatError."""
    # Of the groups, by which it is read, and not of the file, which may say something else.
    rows = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    if min(rows, default=0) < 0 or (most is not None and sum(rows) > most):
        raise StoreFormatError(f"{where}: expected at most {most} rows; found {sum(rows)}. {IF_WRONG}")


@contextmanager
def table_errors(where: str) -> Iterator[None]:
    """Turn what reading a Parquet file raises into a CorruptShardError."""
    try:
        yield
    except (CorruptShardError, StoreFormatError):
        raise
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        if is_shortage(error):
            raise
        raise CorruptShardError(f"{where}: {type(error).__name__}: {error}. {IF_DAMAGED}") from error

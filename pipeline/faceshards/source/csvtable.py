"""Small CSV tables that go with a source, read strictly: a header, then rows as long as it."""

import csv
import io
from dataclasses import dataclass

from faceshards.counted import counted
from faceshards.errors import BadSampleError, SourceFormatError
from faceshards.source.files import Files
from faceshards.source.names import shown


@dataclass(frozen=True)
class CsvTable:
    """A parsed table.

    Attributes:
        what: names it in errors.
        header: the names of its columns.
        rows: as long as `header`, unless the table was parsed as a ragged one.
        lines: the number of the line in the file that each row ends on, from 1.
    """

    what: str
    header: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]

    def column(self, name: str) -> list[str]:
        """The values of one column, in row order."""
        at = self.header.index(name)
        return [row[at] for row in self.rows]

    def unique(self, name: str) -> list[str]:
        """The values of a column that must not repeat.

        Raises:
            SourceFormatError: a value occurs twice.
        """
        values = self.column(name)
        seen: set[str] = set()
        for value in values:
            if value in seen:
                raise SourceFormatError(f"{self.what}: {name} {value!r} occurs twice; keep one row of each")
            seen.add(value)
        return values


def parse_csv(data: bytes, what: str, required: tuple[str, ...], *, ragged: bool = False) -> CsvTable:
    """Parse a UTF-8 CSV table with a header; other columns than the required ones are allowed.

    Args:
        data: the file.
        what: what to call it in errors.
        required: columns that must be there.
        ragged: keep rows that are longer or shorter than the header, and bytes that are no UTF-8 as escapes, as
            `faceshards.source.names.shown` has them.

    Raises:
        SourceFormatError: it is not such a table.
    """
    try:
        text = data.decode("utf-8-sig", "backslashreplace" if ragged else "strict")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        lines = [(reader.line_num, row) for row in reader if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceFormatError(f"{what}: expected a UTF-8 CSV table; {error}") from error
    header = tuple(lines[0][1]) if lines else ()
    if not set(required) <= set(header) or len(set(header)) < len(header):
        raise SourceFormatError(
            f"{what}: expected a header with the columns {','.join(required)}; found {','.join(header) or 'nothing'}"
        )
    for number, row in lines[1:]:
        if len(row) != len(header) and not ragged:
            raise SourceFormatError(f"{what}: line {number} has {counted(len(row), 'value')}; expected {len(header)}")
    return CsvTable(what, header, [row for _, row in lines[1:]], [number for number, _ in lines[1:]])


def read_table(files: Files, name: str, required: tuple[str, ...]) -> CsvTable:
    """Read and parse a table that lies among a source's files.

    Raises:
        SourceFormatError: it cannot be read, or is not such a table.
    """
    what = f"{files.label}/{shown(name)}"
    try:
        data = files.read(name)
    except BadSampleError as error:
        raise SourceFormatError(error.detail) from error
    return parse_csv(data, what, required)

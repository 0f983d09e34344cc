"""Pinned members: files inside a data set whose SHA-256 is known beforehand, whatever zip they come in."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from faceshards.counted import counted
from faceshards.errors import BadSampleError, DownloadError
from faceshards.faulttext import is_shortage
from faceshards.source.files import Files, ZipFiles
from faceshards.store.tables import refuse_more_rows

PINNED_SCHEMA = pa.schema(
    [
        pa.field("file", pa.string(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("sha256", pa.binary(32), nullable=False),
    ]
)
"""One row a pinned file, by its name without folders; ``sha256`` is the raw digest."""

_LISTED = 10  # of many mismatches, how many an error message names


class Mismatch(NamedTuple):
    """A pinned file that is not what it should be, and in which way."""

    file: str
    problem: str


def find_mismatches(files: Files, pinned: Path, *, frames: int = 0) -> list[Mismatch]:
    """Compare the files of a data set with the pinned ones, one by one, in place.

    Files that are not pinned are passed over, and so are pinned ones that the data set does not hold, except those of
    its first `frames` frames.

    Args:
        files: a zip or folder of frames named ``{frame:06d}...``.
        pinned: a Parquet table of `PINNED_SCHEMA`.
        frames: how many frames, counted from 0, must be there.

    Returns:
        What does not match, in the table's order.
    """
    return [Mismatch(name, problem) for name, problem in _compared(files, pinned, frames) if problem is not None]


def holds_pinned_files(files: Files, pinned: Path) -> bool:
    """Whether data of unknown origin is the pinned data set, or a part of it.

    Returns:
        True where all files that bear a pinned name match, False where none does: another data set of the same layout.

    Raises:
        DownloadError: some match and some do not, so that this is the pinned set with damage.
    """
    compared = list(_compared(files, pinned, frames=0))
    mismatches = [Mismatch(name, problem) for name, problem in compared if problem is not None]
    if mismatches and len(mismatches) < len(compared):
        raise DownloadError(
            f"{files.label}: found {counted(len(compared) - len(mismatches), 'file')} of those pinned in {pinned}, and "
            f"{_listed(mismatches)} Restore them, or remove them: a frame that is missing is no error"
        )
    return bool(compared) and not mismatches


def verify_members(path: Path, pinned: Path, *, frames: int = 0) -> None:
    """Like `find_mismatches`, for a zip (of a split one the first part), where any mismatch is fatal.

    Raises:
        DownloadError: names the files that do not match.
        SourceFormatError: it is no zip.
    """
    mismatches = find_mismatches(ZipFiles(path), pinned, frames=frames)
    if not mismatches:
        return
    raise DownloadError(
        f"{path}: against {pinned}, {_listed(mismatches)} The zip is damaged or another edition: delete it and "
        "download again, or, to use it as it is, set `source.path` in params.yaml to it"
    )


def _listed(mismatches: list[Mismatch]) -> str:
    listed = "; ".join(f"{file} {problem}" for file, problem in mismatches[:_LISTED])
    more = f"; and {len(mismatches) - _LISTED} more" if len(mismatches) > _LISTED else ""
    return f"{counted(len(mismatches), 'other file')}: {listed}{more}."


def _compared(files: Files, pinned: Path, frames: int) -> Iterator[tuple[str, str | None]]:
    """Every pinned file that is there or must be, with what is wrong with it."""
    found = {PurePosixPath(name).name: name for name in sorted(files.names)}
    table = _read(pinned)
    for name, size, digest in zip(*(column.to_pylist() for column in table.columns), strict=True):
        if name in found:
            yield name, _problem(files, found[name], size, digest)
        elif int(name[:6]) < frames:
            yield name, "is missing"


def _read(pinned: Path) -> pa.Table:
    try:
        # A digest alone takes 32 bytes.
        refuse_more_rows(pq.read_metadata(pinned), str(pinned), pinned.stat().st_size)
        table = pq.read_table(pinned, schema=PINNED_SCHEMA)
        if any(not file[:6].isdecimal() for file in table["file"].to_pylist()):
            raise ValueError("names that begin with no number of a frame")
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError) as error:
        if is_shortage(error):
            raise
        raise DownloadError(
            f"{pinned}: expected a Parquet table of hashes, {', '.join(PINNED_SCHEMA.names)}; found {error}; take the "
            "table that the recipe came with"
        ) from error
    return table


def _problem(files: Files, name: str, size: int, digest: bytes) -> str | None:
    try:
        data = files.read(name)
    except BadSampleError as error:
        return f"cannot be read ({error})"
    if len(data) != size:
        return f"has {counted(len(data), 'byte')}, expected {size:,}"
    if sha256(data).digest() != digest:
        return f"has SHA-256 {sha256(data).hexdigest()}, expected {digest.hex()}"
    return None

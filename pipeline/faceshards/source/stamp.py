"""Whether data is still what it was, told quickly: without reading the images."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from faceshards.errors import SourceNotFoundError
from faceshards.source.files import ZipFiles

_READ_WHOLE = 64 * 2**20
_INDEX = ".idx"


def stamp_of(path: Path) -> str:
    """A digest that another file or folder at the path would not have.

    A zip, split ones too, is told by what its directory says of each member: name, size and CRC-32. A folder is told by
    the name, size, times and inode of every file below it, links followed. A file of up to 64 MiB is told by its bytes.
    A larger one, such as a ``.rec``, is told by its size, times and inode, and by the bytes of the ``.idx`` file beside
    it.

    It does not see bytes that change with no trace in the file system, as a failing disk changes them, or data of a
    zip's member that no longer fits its CRC-32; reading that member fails. Copying a folder, or touching its files,
    gives another stamp for the same bytes.

    Args:
        path: a file, a folder, or the first part ``X.001`` of a split zip.

    Returns:
        64 hexadecimal digits.

    Raises:
        SourceNotFoundError: there is nothing at the path.
        SourceFormatError: a zip that does not read as one.
    """
    if not path.exists():
        raise SourceNotFoundError(f"{path}: expected a file or a folder; found nothing there; check the path")
    digest = hashlib.sha256()
    for line in _lines(path):
        digest.update(line.encode("utf-8", "surrogateescape") + b"\n")
    return digest.hexdigest()


def _lines(path: Path) -> Iterator[str]:
    if path.is_dir():
        yield from _below(path)
    elif path.suffix == ".zip" or path.suffixes[-2:] == [".zip", ".001"]:
        yield from ZipFiles(path).stamps()
    elif path.stat().st_size <= _READ_WHOLE:
        yield hashlib.sha256(path.read_bytes()).hexdigest()
    else:
        yield _state(path.stat())
        index = path.with_suffix(_INDEX)
        if index.is_file():
            yield hashlib.sha256(index.read_bytes()).hexdigest()


def _below(folder: Path, name: str = "", above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[str]:
    """One line a file. A link that leads back to a folder above it is not followed."""
    here = folder.stat()
    if (here.st_dev, here.st_ino) in above:
        return
    above |= {(here.st_dev, here.st_ino)}
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir():
                yield from _below(Path(entry), f"{name}{entry.name}/", above)
            else:
                try:
                    yield f"{name}{entry.name} {_state(entry.stat())}"
                except FileNotFoundError:  # a link that leads nowhere
                    yield f"{name}{entry.name} missing"


def _state(of: os.stat_result) -> str:
    # The time of the inode's change too: a copy that keeps the old file's time does not keep that one.
    return f"{of.st_size} {of.st_mtime_ns} {of.st_ctime_ns} {of.st_ino}"

"""Files and folders that are whole or absent, whatever stops the machine."""

import glob
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from faceshards.store import filelocks

PARTIAL = ".partial"
"""The suffix of a file that is still being written. `sweep` removes those that nobody writes any more."""
_FOLDERS_OPEN = hasattr(os, "O_DIRECTORY")

_UNIQUE = "." + 32 * "[0-9a-f]"  # what `partial_of` has before it: files that users call so are theirs


def sync(path: Path) -> None:
    """Flush a file, or the entries of a folder, to the disk."""
    if not _FOLDERS_OPEN and path.is_dir():  # Windows writes a folder's entries by itself
        return
    handle = os.open(path, os.O_RDONLY if _FOLDERS_OPEN else os.O_RDWR)  # who may not write may not flush on Windows
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def naming(path: Path, also: Path | None = None) -> Iterator[None]:
    """Let errors of the system name a file. A read or a write of an open file fails without its name.

    Args:
        path: the name, for errors that have none.
        also: a name that it takes the place of.
    """
    try:
        yield
    except OSError as error:
        if error.errno and error.filename in (None, also and str(also)):
            error.filename = str(path)
        raise


@contextmanager
def written_whole(path: Path, *, sweeping: bool = True) -> Iterator[BinaryIO]:
    """A file to write under a temporary name, which is flushed and renamed where nothing failed, and else removed.

    Args:
        path: of the file.
        sweeping: remove what killed writers of it left, for which the folder is listed; not where it has thousands of
            files, and goes itself.

    Raises:
        OSError: it cannot be written; its `filename` is `path`.
    """
    if sweeping:
        sweep_of(path)
    temporary = partial_of(path)
    try:
        with naming(path, also=temporary):
            path.parent.mkdir(parents=True, exist_ok=True)
            with held(temporary) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            sync(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def partial_of(path: Path) -> Path:
    """A name of its own for a file that is to become `path`; `held` opens it."""
    return path.with_name(f"{path.name}.{uuid.uuid4().hex}{PARTIAL}")


def held(temporary: Path) -> BinaryIO:
    """A new file that `sweep` leaves alone while it is open."""
    while True:
        file = temporary.open("wb")
        with suppress(OSError):  # of a file system without locks, where nothing is swept either
            filelocks.try_lock(file.fileno())
        if temporary.exists():  # nobody swept it before it was locked
            return file
        file.close()


def sweep(folder: Path, of: str = "**/*") -> None:
    """Remove the files that were being written in a folder, and in those below it, by processes that are gone.

    Args:
        folder: need not be there.
        of: a pattern of the paths below it of the files that they were to become.
    """
    for path in folder.glob(f"{of}{_UNIQUE}{PARTIAL}"):
        with suppress(OSError):
            filelocks.remove_abandoned(path)


def sweep_of(path: Path) -> None:
    """`sweep` for one file."""
    sweep(path.parent, glob.escape(path.name))


def write_file(path: Path, data: bytes, *, sweeping: bool = True) -> None:
    """Write a file under a temporary name, flush it, rename it, flush its folder; see `written_whole`."""
    with written_whole(path, sweeping=sweeping) as file:
        file.write(data)


def replace_folder(work: Path, out: Path) -> None:
    """Rename a folder to `out`, which it replaces whole; `out` may be absent, a folder, or a link to one."""
    aside = out.with_name(f".{out.name}.replaced")
    # Left by a kill between the two renames below.
    shutil.rmtree(aside, ignore_errors=True)
    if out.is_symlink():
        out.unlink()
    elif out.exists():
        out.replace(aside)
    work.replace(out)
    sync(out.parent)
    sync(work.parent)
    shutil.rmtree(aside, ignore_errors=True)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with naming(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Files and folders that are whole or absent, whatever stops the machine."""

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

PARTIAL = ".partial"
"""The suffix of a file that is still being written; such files are swept when a store is finished."""


def sync(path: Path) -> None:
    """Flush a file, or the entries of a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write under a temporary name, which is flushed and renamed where nothing failed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}{PARTIAL}")
    with temporary.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync(path.parent)


def write_file(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, flush it, rename it, flush its folder."""
    with written_whole(path) as file:
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
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

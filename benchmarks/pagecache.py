"""Files in the page cache of the kernel, or not: what warm and cold mean."""

import ctypes
import mmap
import os
from pathlib import Path

import numpy as np

_MOST_LEFT = 0.01


def warm(folder: Path) -> None:
    """Read every file once."""
    for path in _files(folder):
        with path.open("rb", buffering=0) as file:
            while file.read(1 << 22):
                pass


def drop(folder: Path) -> None:
    """Have the next reads of every file come from the disk. Names and sizes of files stay known to the kernel.

    Raises:
        RuntimeError: the pages stay, as they do on a file system in memory, or where another process maps them.
    """
    pages = left = 0
    for path in _files(folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)  # pages that are still to be written are not dropped
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            cached = _cached(handle)
        finally:
            os.close(handle)
        pages += len(cached)
        left += int(cached.sum())
    if left > _MOST_LEFT * pages:
        raise RuntimeError(
            f"{folder}: {left} of {pages} pages stay in the page cache, so reads of it are not cold; "
            "give a --work folder on a disk, and end whatever else reads it"
        )


def read_from_disk(pids: list[int]) -> int:
    """Bytes that processes have had fetched from the disk so far."""
    total = 0
    for pid in pids:
        try:
            counters = Path(f"/proc/{pid}/io").read_text()
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
        total += int(dict(line.split(": ") for line in counters.splitlines())["read_bytes"])
    return total


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _cached(handle: int) -> np.ndarray:
    """For each page of a file, whether it is in the page cache, by mincore(2): to try to read it would fetch it."""
    size = os.fstat(handle).st_size
    cached = np.zeros(-(-size // mmap.PAGESIZE), np.uint8)
    if size:
        mapped = np.frombuffer(mmap.mmap(handle, 0, access=mmap.ACCESS_READ), np.uint8)
        libc = ctypes.CDLL(None, use_errno=True)
        at, length, into = (
            ctypes.c_void_p(mapped.ctypes.data),
            ctypes.c_size_t(size),
            cached.ctypes.data_as(ctypes.c_void_p),
        )
        if libc.mincore(at, length, into):
            raise OSError(ctypes.get_errno(), "mincore failed")
    return (cached & 1).astype(bool)

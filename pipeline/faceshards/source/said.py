"""What C libraries write to stderr, heard and named: they name no file, and what they say would be lost."""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_STDERR = 2
_MOST = 1 << 16
_lock = threading.Lock()


@contextmanager
def said() -> Iterator[list[str]]:
    """Hear what is written to this process's stderr meanwhile; lines that Python's own stderr wrote go there after all.

    One thread at a time hears; what other threads write meanwhile below Python is heard with it.

    Yields:
        A list, which holds the lines when the context has ended.

    Example:
        >>> with said() as lines:
        ...     cv2.imdecode(cut_short, cv2.IMREAD_COLOR)
        >>> lines
        ['Premature end of JPEG file']
    """
    lines: list[str] = []
    with _lock:
        try:
            kept = os.dup(_STDERR)
        except OSError:  # it is closed, so that nobody can write there
            yield lines
            return
        ear = _ear()
        try:
            with suppress(ValueError, AttributeError, OSError):  # of a stderr that is replaced or closed
                sys.stderr.flush()
            os.dup2(ear, _STDERR)
            try:
                yield lines
            finally:
                os.dup2(kept, _STDERR)
                os.lseek(ear, 0, os.SEEK_SET)
                heard = os.read(ear, _MOST)
                lines += [line for line in heard.decode("utf-8", "replace").splitlines() if line.strip()]
        finally:
            os.close(kept)
            os.close(ear)


def _ear() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("said")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())

"""A file to download from a `FileServer`, and ways in which that misbehaves."""

import random
from collections.abc import Callable
from pathlib import Path

from file_server import FileServer, Handler

from faceshards.source.fetch.download import fetch
from faceshards.source.fetch.remote import RemoteFile, Transfer

BLOCK = 1 << 16
SIZE = 8 * BLOCK + 123
DATA = b"PK" + random.Random(1).randbytes(SIZE - 2)
OTHER = b"PK" + random.Random(2).randbytes(SIZE - 2)
QUICK = Transfer(connections=3, retries=4, timeout_s=0.4, block_bytes=BLOCK, backoff_s=0.01)


def download(server: FileServer, into: Path, transfer: Transfer = QUICK, size: int | None = None) -> bytes:
    (path,) = fetch([RemoteFile(server.url(), size)], into, transfer=transfer, progress=False)
    return path.read_bytes()


def is_probe(handler: Handler) -> bool:
    return handler.headers["Range"] == "bytes=0-1"


def whole(handler: Handler) -> bool:
    """Ignore the Range."""
    return handler.answer(0, len(handler.files.data))


def span(handler: Handler) -> tuple[int, int]:
    """What is asked for, without the look at validators."""
    first, last = handler.headers["Range"].removeprefix("bytes=").split("-")
    return int(first), min(int(last) + 1, SIZE)


def after_requests(n: int, behave: Callable[[Handler], bool]) -> Callable[[Handler], bool]:
    return lambda handler: len(handler.files.requests) > n and behave(handler)

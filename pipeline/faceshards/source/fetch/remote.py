"""One file on a web server: what the server says of it, and its bytes by ranges, whatever goes wrong on the way.

HTTP semantics are those of RFC 9110; ranges are asked for with If-Range, so that bytes of two versions never mix.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated
from urllib.parse import urlsplit

import pydantic.dataclasses
import requests
from pydantic import ConfigDict, Field

from faceshards.counted import counted
from faceshards.errors import DownloadError
from faceshards.source.fetch.http import BY_HAND, TransientError, body, content_length, get, strong_validator
from faceshards.source.fetch.ranges import parse_content_range, range_header

_LONGEST_WAIT_S = 600.0
_ZIP_MAGIC = b"PK"


@dataclass(frozen=True, slots=True)
class Transfer:
    """How to download.

    Attributes:
        connections: how many ranges of a file are fetched at once.
        retries: how many failures in a row, with no byte between them, are borne; without ranges, how many in all.
        timeout_s: seconds to wait for a connection, and for the next bytes of one.
        block_bytes: the size of a range; a killed download loses at most one a connection.
        backoff_s: the wait after the first failure, doubled after each further one in a row.
    """

    connections: int = 4
    retries: int = 8
    timeout_s: float = 60.0
    block_bytes: int = 1 << 23
    backoff_s: float = 1.0


@pydantic.dataclasses.dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class RemoteFile:
    """One file to download, with what is known of it beforehand.

    Attributes:
        url: http or https; its last path segment, made of letters, digits and ``._-``, becomes the file's name.
        bytes: its size, or None where unknown.
        sha256: its SHA-256 in lower-case hex, or None where unknown.
    """

    url: Annotated[str, Field(pattern=r"^https?://[^/?#]+/([^?#]*/)?[A-Za-z0-9_][A-Za-z0-9._-]*(\?[^#]*)?$")]
    bytes: Annotated[int, Field(gt=0)] | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None

    @property
    def name(self) -> str:
        """The file's name on disk."""
        return PurePosixPath(urlsplit(self.url).path).name


@dataclass(frozen=True, slots=True)
class RemoteVersion:
    """One version of a file, as its server describes it.

    Attributes:
        url: where it lies, before redirects.
        size: bytes.
        validator: its strong ETag (quotes included), else its Last-Modified; None where the server gives neither.
        ranges: whether parts of exactly this version can be asked for.
    """

    url: str
    size: int
    validator: str | None
    ranges: bool


class RemoteChangedError(Exception):
    """The server now has another version of the file."""


class RangeIgnoredError(Exception):
    """The server answers a request for a range with something else."""


class Backoff:
    """Waits between attempts, longer after each failure in a row, with jitter so that clients do not march in step.

    Why neither urllib3's Retry nor tenacity: they count the tries of a request, and a stream that got further may go on
    failing for hours. What a server says in Retry-After is read by urllib3.
    """

    def __init__(self, transfer: Transfer, sleep: Callable[[float], object]) -> None:
        self._transfer = transfer
        self._sleep = sleep
        self._failures = 0

    def reset(self) -> None:
        """Forget the failures so far: something went well."""
        self._failures = 0

    def wait(self, error: TransientError) -> None:
        """Wait as long as the server asks, else exponentially.

        Raises:
            DownloadError: there were too many failures in a row, or the server asks for too long a wait.
        """
        self._failures += 1
        wait_s = error.wait_s
        if wait_s is None:
            wait_s = min(self._transfer.backoff_s * 2 ** (self._failures - 1), 60.0) * random.uniform(0.5, 1.0)
        if self._failures > self._transfer.retries or wait_s > _LONGEST_WAIT_S:
            asked = f" and the server asks to wait {wait_s:.0f} s" if error.wait_s else ""
            raise DownloadError(
                f"{error}; gave up after {counted(self._failures, 'attempt')} in a row{asked}. "
                f"Run the same command again later: finished ranges are kept. {BY_HAND}"
            ) from error
        self._sleep(wait_s)


def probe(session: requests.Session, file: RemoteFile, transfer: Transfer) -> RemoteVersion:
    """Ask the server for the first bytes of a file, and so for its size, version and whether it serves ranges.

    Raises:
        DownloadError: there is no such file, it is not the one that the recipe describes, or the server gave up.
    """
    backoff = Backoff(transfer, time.sleep)
    while True:
        try:
            headers = {"Range": range_header(range(len(_ZIP_MAGIC)))}
            with get(session, file.url, headers, transfer.timeout_s) as response:
                return _describe(file, response)
        except TransientError as error:
            backoff.wait(error)


def stream(
    session: requests.Session, remote: RemoteVersion, span: range, transfer: Transfer, stop: threading.Event
) -> Iterator[tuple[int, bytes]]:
    """The bytes of a span, reconnecting as often as needed.

    Yields:
        (offset in the file, bytes), in order and without gaps, until the span is complete or `stop` is set. Where the
        server has no ranges, a failure starts again at the span's first byte, which must be the file's.

    Raises:
        DownloadError: the failure is final, or there were too many.
        RemoteChangedError: what is there now is not `remote`.
        RangeIgnoredError: `remote.ranges` is no longer true.
    """
    backoff = Backoff(transfer, stop.wait)
    position = span.start
    while position < span.stop:
        try:
            for chunk in _read(session, remote, range(position, span.stop), transfer.timeout_s):
                if stop.is_set():
                    return
                yield position, chunk
                position += len(chunk)
                if remote.ranges:
                    backoff.reset()
        except TransientError as error:
            backoff.wait(error)
            if stop.is_set():
                return
            if not remote.ranges:
                position = span.start


def _read(session: requests.Session, remote: RemoteVersion, span: range, timeout_s: float) -> Iterator[bytes]:
    headers = {}
    if remote.ranges and remote.validator is not None:
        headers = {"Range": range_header(span), "If-Range": remote.validator}
    with get(session, remote.url, headers, timeout_s) as response:
        left = _promised(remote, response, span)
        for chunk in body(response):
            yield chunk[:left]  # a server that sends more than it promised is cut off here
            left -= len(chunk)
            if left <= 0:
                return
    raise TransientError(f"{remote.url}: the connection ended {counted(left, 'byte')} early")


def _promised(remote: RemoteVersion, response: requests.Response, span: range) -> int:
    """How many bytes of the span this response holds from its start."""
    name = "ETag" if remote.validator is not None and remote.validator.startswith('"') else "Last-Modified"
    found = response.headers.get(name)  # a 206 to If-Range may leave Last-Modified out
    if response.status_code == 416 or (remote.validator is not None and found not in (None, remote.validator)):
        raise RemoteChangedError(f"{remote.url}: {name} was {remote.validator}, is {found}")
    if not remote.ranges:
        length = content_length(response)
        if length is not None and length != remote.size:
            raise RemoteChangedError(f"{remote.url}: was {counted(remote.size, 'byte')}, is {length:,}")
        return remote.size
    content = parse_content_range(response.headers.get("Content-Range", ""))
    if response.status_code != 206 or content is None or content.span.start != span.start:
        raise RangeIgnoredError(f"{remote.url}: asked for {range_header(span)}, got {content}")
    if content.size != remote.size:
        raise RemoteChangedError(f"{remote.url}: was {counted(remote.size, 'byte')}, is {content.size:,}")
    return min(len(span), len(content.span))


def _describe(file: RemoteFile, response: requests.Response) -> RemoteVersion:
    offered = _offered_size(response)
    if offered == 0 or response.status_code == 416:
        raise DownloadError(f"{file.url}: expected {file.name}, the server has an empty file. {BY_HAND}")
    size = offered or file.bytes
    if size is None:
        raise DownloadError(
            f"{file.url}: the server does not say how long the file is, so a cut-off copy could pass for a whole one. "
            f"Give its size as `bytes` in the recipe. {BY_HAND}"
        )
    if file.bytes is not None and size != file.bytes:
        raise DownloadError(
            f"{file.url}: the recipe says {counted(file.bytes, 'byte')}, the server {size:,}: not the same file"
        )
    if file.name.endswith((".zip", ".zip.001")):
        _require_zip(file.url, response)
    validator = strong_validator(response.headers)
    return RemoteVersion(file.url, size, validator, ranges=response.status_code == 206 and validator is not None)


def _offered_size(response: requests.Response) -> int | None:
    """The size of the whole file, or None where the response does not say."""
    if response.status_code == 200:
        return content_length(response)
    content = parse_content_range(response.headers.get("Content-Range", ""))
    return None if content is None else content.size


def _require_zip(url: str, response: requests.Response) -> None:
    first = b""
    for piece in body(response):
        first += piece
        if len(first) >= len(_ZIP_MAGIC):
            break
    if not first.startswith(_ZIP_MAGIC):
        raise DownloadError(f"{url}: expected a zip, found a file that begins with {first[:20]!r}. {BY_HAND}")

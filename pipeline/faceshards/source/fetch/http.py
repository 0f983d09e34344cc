"""One HTTP request for the plain bytes of a file: what is refused, what may pass if tried again, what is read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urljoin

import requests
from urllib3.exceptions import HTTPError, InvalidHeader
from urllib3.util import Retry

from faceshards.errors import DownloadError

_READ_BYTES = 1 << 17
_TRANSIENT_STATUSES = {408, 429, 500, 502, 503, 504}

BY_HAND = "Or download it in a browser and set `source.path` in params.yaml to the zip"
"""The way out that works where ours does not; ends the messages of failures that are final."""


class TransientError(Exception):
    """A failure that may pass: a dropped or silent connection, a busy server (which may say how long to wait)."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target is not None and resp.url.startswith("https:") and urljoin(resp.url, target).startswith("http:"):
            raise DownloadError(f"{resp.url}: redirects from https to {target}, which anyone could alter; not followed")
        return target


def open_session() -> requests.Session:
    """A session for one thread. It speaks http and https only, and never goes from https down to http."""
    session = _Session()
    session.headers["Accept-Encoding"] = "identity"  # a compressed transfer would have other offsets
    return session


@contextmanager
def get(
    session: requests.Session, url: str, headers: Mapping[str, str], timeout_s: float
) -> Iterator[requests.Response]:
    """A response with a body worth reading (or a 416); everything else is a TransientError or a DownloadError."""
    try:
        with session.get(url, headers=headers, stream=True, timeout=timeout_s) as response:
            _refuse(url, response)
            yield response
    except (requests.ConnectionError, requests.Timeout) as error:
        raise TransientError(f"{url}: {error}") from error
    except requests.RequestException as error:
        raise DownloadError(f"{url}: {error}. {BY_HAND}") from error


def body(response: requests.Response) -> Iterator[bytes]:
    """The bytes of a response as they come in; of a connection that breaks off, all that came before.

    Raises:
        TransientError: the connection broke off, or fell silent.
    """
    try:
        while chunk := response.raw.read1(_READ_BYTES):  # `iter_content` would lose what a cut-off chunk holds
            yield chunk
    except HTTPError as error:
        raise TransientError(f"{response.url}: {error}") from error


def _refuse(url: str, response: requests.Response) -> None:
    status = response.status_code
    if status in _TRANSIENT_STATUSES:
        raise TransientError(f"{url}: the server answers {status} {response.reason}", _retry_after(response.headers))
    if status not in (200, 206, 416):
        raise DownloadError(f"{url}: the server answers {status} {response.reason}: check the URL. {BY_HAND}")
    if response.headers.get("Content-Type", "").lower().startswith("text/html"):
        raise DownloadError(
            f"{url}: expected a file, the server sent a web page (Content-Type: text/html). "
            f"Is there a log-in page between you and the network? {BY_HAND}"
        )
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise DownloadError(f"{url}: asked for the bytes as they are, the server sent Content-Encoding: {encoding}")


def content_length(response: requests.Response) -> int | None:
    """How long the body is to be, or None where the response does not say."""
    value = response.headers.get("Content-Length", "")
    return int(value) if value.isdecimal() and len(value) < 20 else None


def strong_validator(headers: Mapping[str, str]) -> str | None:
    """What If-Range takes to name a version: a strong ETag, else Last-Modified; never a weak ETag (``W/"..."``)."""
    etag = headers.get("ETag", "")
    return etag if etag.startswith('"') else headers.get("Last-Modified")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    try:
        return Retry().parse_retry_after(headers["Retry-After"])
    except (KeyError, InvalidHeader):
        return None

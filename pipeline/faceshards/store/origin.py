"""A folder behind a URL, through fsspec: ``s3://``, ``dvc://``, ``https://``, and what else has a file system."""

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from faceshards.errors import DownloadError, MissingExtraError, MissingShardError

_BLOCK = 16 * 2**20
_CONNECT_S, _SILENCE_S, _ANSWER_S = 30.0, 60.0, 3600.0
"""How long a web server may take to accept a connection, to send the next bytes, and to send the whole answer."""
_GONE = (404, 410)


class Origin:
    """A remote folder. Picklable: every process, a forked one too, makes its own connection when it first reads.

    Attributes:
        url: of the folder.
        options: what the URL's file system is given, as pandas' ``storage_options``. Not in `repr`, for there may be
            credentials among them.
    """

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        self.url = url.rstrip("/")
        self.options = dict(options or {})
        self._connection: tuple[int, Any, str] | None = None
        self._connecting = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return Origin, (self.url, self.options)

    def __repr__(self) -> str:
        return f"Origin({self.url!r})"

    def blocks(self, name: str) -> Iterator[bytes]:
        """The bytes of a file, in blocks of some MiB.

        Raises:
            MissingExtraError: the URL's scheme needs a package that is not installed.
            MissingShardError: there is no such file.
            DownloadError: whatever else keeps it from being read.
        """
        where = f"{self.url}/{name}"
        try:
            filesystem, root = self._connect()
            with filesystem.open(f"{root}/{name}", "rb", cache_type="none") as file:
                while block := file.read(_BLOCK):
                    yield block
        except ImportError as error:
            raise MissingExtraError(
                f"{where} needs a file system that is not installed ({error}): pip install 'faceshards[remote]' brings "
                "s3://, dvc brings dvc://, see fsspec's documentation for others"
            ) from error
        except Exception as error:  # file systems raise their clients' errors, which have no base in common
            cause = self._cause(error)
            if isinstance(cause, FileNotFoundError):
                raise MissingShardError(f"{where} is not there; check the URL, or upload the file again") from error
            raise DownloadError(
                f"{where}: {type(cause).__name__}: {cause}. Check the URL, its storage_options, the credentials and "
                "the network"
            ) from error

    def _cause(self, error: Exception) -> BaseException:
        """What is wrong: fsspec says of a web server's file that it is not there, whatever keeps it from being read."""
        cause = error.__cause__
        if not _is_web(self.url) or not isinstance(error, FileNotFoundError) or cause is None:
            return error
        return error if isinstance(cause, FileNotFoundError) or getattr(cause, "status", 0) in _GONE else cause

    def _connect(self) -> tuple[Any, str]:
        with self._connecting:
            if self._connection is None or self._connection[0] != os.getpid():
                from fsspec.core import url_to_fs

                filesystem, root = url_to_fs(self.url, **_with_deadlines(self.url, self.options))
                self._connection = os.getpid(), filesystem, root.rstrip("/")
            return self._connection[1:]


def _with_deadlines(url: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Options of a URL's file system; of a web server with an end to waiting, which is 5 minutes for all otherwise."""
    if not _is_web(url) or "client_kwargs" in options:
        return options
    from aiohttp import ClientTimeout

    timeout = ClientTimeout(total=_ANSWER_S, sock_connect=_CONNECT_S, sock_read=_SILENCE_S)
    return {**options, "client_kwargs": {"timeout": timeout}}


def _is_web(url: str) -> bool:
    return url.startswith(("http://", "https://"))


def first_bytes(blocks: Iterable[bytes], most: int) -> bytes:
    """What comes first of a file's blocks, which are asked for no further: at most so many bytes."""
    found = bytearray()
    for block in blocks:
        found += block[: most - len(found)]
        if len(found) == most:
            break
    return bytes(found)

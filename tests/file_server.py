"""A web server on this machine that serves one file, well or badly, and counts what it sends."""

import re
import threading
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class FileServer:
    """Serves `data` under every path, with ranges, If-Range and ETag as RFC 9110 has them.

    A test makes it misbehave through `behave`, which sees every request and answers it itself, by returning True, or
    leaves it to the server.

    Attributes:
        data: the file. Assign other bytes to publish another version under another ETag.
        behave: see above.
        headers: more headers for the server's own answers, instead of its own; an empty one is left out.
        requests: the Range header of each request, or None.
        bytes_sent: of bodies.
        closing: set when the server ends.
    """

    def __init__(self, data: bytes, behave: "Callable[[Handler], bool] | None" = None) -> None:
        self.data = data
        self.behave = behave
        self.headers: dict[str, str] = {}
        self.requests: list[str | None] = []
        self.bytes_sent = 0
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), Handler)
        self._http.file_server = self
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})

    def url(self, name: str = "faces.zip") -> str:
        return f"http://127.0.0.1:{self._http.server_port}/sets/{name}"

    @property
    def etag(self) -> str:
        return f'"{zlib.crc32(self.data):x}"'

    def log(self, asked: str | None) -> None:
        with self._lock:
            self.requests.append(asked)

    def count(self, sent: int) -> None:
        with self._lock:
            self.bytes_sent += sent

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    file_server: FileServer

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients hang up on a server that misbehaves; that is no news."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: _Server

    @property
    def files(self) -> FileServer:
        return self.server.file_server

    def asked(self) -> tuple[int, int]:
        """The span asked for, the end exclusive: the whole file where there is no Range, or If-Range names another."""
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"] or "")
        if match is None or self.headers["If-Range"] not in (None, self.files.etag):
            return 0, len(self.files.data)
        return int(match[1]), min(int(match[2]) + 1, len(self.files.data))

    def do_GET(self) -> None:
        files = self.files
        files.log(self.headers["Range"])
        if files.behave is None or not files.behave(self):
            self.answer(*self.asked())

    def answer(self, start: int, stop: int, *, body_bytes: int | None = None, pause_s: float = 0.0) -> bool:
        """Answer as promised, or with a body of another length, and then hang up; always True."""
        data = self.files.data
        headers = {"Content-Length": str(stop - start), "ETag": self.files.etag}
        if stop - start < len(data):
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
        self.reply(206 if stop - start < len(data) else 200, headers | self.files.headers)
        if body_bytes is None:
            self.send(data[start:stop], pause_s)
        else:
            self.send((data * 2)[start : start + body_bytes])
            self.close_connection = True
        return True

    def reply(self, status: int, headers: dict[str, str], body: bytes = b"") -> bool:
        """Send status line, headers and a body; always True."""
        self.send_response(status)
        for name, value in headers.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.send(body)
        return True

    def send(self, body: bytes, pause_s: float = 0.0) -> None:
        """Send a body, or a piece of one."""
        for start in range(0, len(body), 1 << 14):
            piece = body[start : start + (1 << 14)]
            self.wfile.write(piece)
            self.files.count(len(piece))
            self.files.closing.wait(pause_s)

    def hang_up(self) -> bool:
        """Close the connection after this answer; always True."""
        self.close_connection = True
        return True

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""

"""Downloads over connections that break, fall silent, are busy or lead elsewhere."""

import random
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from downloads import BLOCK, DATA, QUICK, SIZE, download
from file_server import FileServer, Handler

from faceshards.errors import DownloadError
from faceshards.source.fetch.download import fetch
from faceshards.source.fetch.http import open_session
from faceshards.source.fetch.remote import RemoteFile

pytestmark = pytest.mark.usefixtures("no_proxy")


def test_connections_that_drop_at_random_bytes_cost_nothing_but_time(tmp_path: Path) -> None:
    dice = random.Random(3)

    def drop(handler: Handler) -> bool:
        start, stop = handler.asked()
        return dice.random() < 0.7 and handler.answer(start, stop, body_bytes=dice.randrange(stop - start))

    with FileServer(DATA, drop) as server:
        assert download(server, tmp_path, replace(QUICK, retries=12, backoff_s=0.001)) == DATA
        assert len(server.requests) > 12


def test_a_dropped_range_goes_on_where_it_broke_off(tmp_path: Path) -> None:
    def drop(handler: Handler) -> bool:
        start, stop = handler.asked()
        return handler.headers["Range"] == f"bytes=0-{BLOCK - 1}" and handler.answer(start, stop, body_bytes=10_000)

    with FileServer(DATA, drop) as server:
        assert download(server, tmp_path) == DATA
        assert f"bytes=10000-{BLOCK - 1}" in server.requests
        assert server.bytes_sent == SIZE + 2


def test_any_number_of_drops_is_borne_as_long_as_bytes_come_between_them(tmp_path: Path) -> None:
    def drip(handler: Handler) -> bool:
        start, stop = handler.asked()
        return handler.answer(start, stop, body_bytes=min(9_000, stop - start))

    with FileServer(DATA, drip) as server:
        assert download(server, tmp_path, replace(QUICK, retries=1, backoff_s=0.001)) == DATA


def test_without_ranges_a_dropped_connection_starts_again(tmp_path: Path) -> None:
    def drop_twice(handler: Handler) -> bool:
        cut = SIZE // 2 if len(handler.files.requests) in (2, 3) else None
        return handler.answer(0, SIZE, body_bytes=cut)

    with FileServer(DATA, drop_twice) as server:
        assert download(server, tmp_path) == DATA


def test_without_ranges_a_connection_that_always_drops_is_given_up(tmp_path: Path) -> None:
    with (
        FileServer(DATA, lambda handler: handler.answer(0, SIZE, body_bytes=SIZE // 2)) as server,
        pytest.raises(DownloadError, match="gave up after 5 attempts"),
    ):
        download(server, tmp_path)
    assert not (tmp_path / "faces.zip").exists()


def test_a_connection_that_falls_silent_is_tried_again(tmp_path: Path) -> None:
    def stall_once(handler: Handler) -> bool:
        if len(handler.files.requests) != 3:
            return False
        start, stop = handler.asked()
        handler.reply(206, {"Content-Length": str(stop - start), "Content-Range": f"bytes {start}-{stop - 1}/{SIZE}"})
        handler.files.closing.wait(10)
        handler.close_connection = True
        return True

    with FileServer(DATA, stall_once) as server:
        assert download(server, tmp_path) == DATA


def test_a_server_that_stays_silent_is_given_up(tmp_path: Path) -> None:
    def stall(handler: Handler) -> bool:
        handler.files.closing.wait(100)
        handler.close_connection = True
        return True

    start = time.monotonic()
    with FileServer(DATA, stall) as server, pytest.raises(DownloadError, match=r"timed out.*gave up after 2 attempts"):
        download(server, tmp_path, replace(QUICK, retries=1))
    assert time.monotonic() - start < 50


def test_a_server_that_is_not_there_is_given_up(tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen, nor can anybody else there
        remote = RemoteFile(f"http://127.0.0.1:{bound.getsockname()[1]}/sets/faces.zip")
        with pytest.raises(DownloadError, match=r"refused.*gave up"):
            fetch([remote], tmp_path, transfer=QUICK, progress=False)


def test_a_busy_server_is_waited_for_as_long_as_it_asks(tmp_path: Path) -> None:
    def busy_once(handler: Handler) -> bool:
        busy = len(handler.files.requests) == 1
        return busy and handler.reply(503, {"Retry-After": "1", "Content-Length": "0"})

    start = time.monotonic()
    with FileServer(DATA, busy_once) as server:
        assert download(server, tmp_path) == DATA
    assert time.monotonic() - start >= 1


def test_a_server_that_asks_for_an_hour_is_not_waited_for(tmp_path: Path) -> None:
    headers = {"Retry-After": "3600", "Content-Length": "0"}
    with (
        FileServer(DATA, lambda handler: handler.reply(429, headers)) as server,
        pytest.raises(DownloadError, match="asks to wait 3600 s"),
    ):
        download(server, tmp_path)
    assert len(server.requests) == 1


def test_errors_of_the_server_pass(tmp_path: Path) -> None:
    dice = random.Random(4)

    def fail(handler: Handler) -> bool:
        return dice.random() < 0.4 and handler.reply(dice.choice([500, 502, 504]), {"Content-Length": "0"})

    with FileServer(DATA, fail) as server:
        assert download(server, tmp_path, replace(QUICK, retries=12)) == DATA


def test_a_redirect_is_followed(tmp_path: Path) -> None:
    def elsewhere(handler: Handler) -> bool:
        moved = handler.path == "/sets/faces.zip"
        return moved and handler.reply(302, {"Location": "/mirror/7f3a", "Content-Length": "0"})

    with FileServer(DATA, elsewhere) as server:
        assert download(server, tmp_path) == DATA


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/faces.zip", "file:///etc/hosts"])
def test_a_redirect_away_from_the_web_is_refused(tmp_path: Path, location: str) -> None:
    headers = {"Location": location, "Content-Length": "0"}
    with (
        FileServer(DATA, lambda handler: handler.reply(302, headers)) as server,
        pytest.raises(DownloadError, match="No connection adapters"),
    ):
        download(server, tmp_path)


def test_a_redirect_from_https_to_http_is_refused() -> None:
    response = requests.Response()
    response.url, response.status_code = "https://sets.example/faces.zip", 302
    response.headers["Location"] = "http://sets.example/faces.zip"
    with open_session() as session, pytest.raises(DownloadError, match="redirects from https"):
        session.get_redirect_target(response)

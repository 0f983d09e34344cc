"""Downloads of what is not the file: too short, too long, a log-in page, compressed bytes."""

import gzip
from dataclasses import replace
from pathlib import Path

import pytest
from downloads import DATA, QUICK, SIZE, after_requests, download, is_probe
from file_server import FileServer, Handler

from faceshards.errors import DownloadError

pytestmark = pytest.mark.usefixtures("no_proxy")


def test_a_range_that_never_ends_is_cut_off_at_its_end(tmp_path: Path) -> None:
    def endless(handler: Handler) -> bool:
        if is_probe(handler):
            return False
        start, stop = handler.asked()
        handler.reply(206, {"ETag": handler.files.etag, "Content-Range": f"bytes {start}-{stop - 1}/{SIZE}"})
        handler.send(DATA[start:stop])
        while not handler.files.closing.is_set():
            handler.send(bytes(1 << 14))
        return True

    with FileServer(DATA, endless) as server:
        assert download(server, tmp_path) == DATA


def test_more_than_promised_is_cut_off(tmp_path: Path) -> None:
    with FileServer(DATA, lambda handler: handler.answer(0, SIZE, body_bytes=SIZE + 5000)) as server:
        assert download(server, tmp_path) == DATA


def test_an_endless_file_of_no_said_length_is_refused(tmp_path: Path) -> None:
    with FileServer(DATA, _endless) as server, pytest.raises(DownloadError, match="does not say how long"):
        download(server, tmp_path)


def test_an_endless_file_is_cut_off_at_the_length_in_the_recipe(tmp_path: Path) -> None:
    with FileServer(DATA, _endless) as server:
        assert download(server, tmp_path, size=SIZE) == DATA


def _endless(handler: Handler) -> bool:
    handler.reply(200, {"Connection": "close"}, DATA)
    while not handler.files.closing.is_set():
        handler.send(bytes(1 << 14))
    return True


def test_less_than_promised_is_an_error(tmp_path: Path) -> None:
    def short(handler: Handler) -> bool:
        start, stop = handler.asked()
        return stop == SIZE and (stop == start or handler.answer(start, stop, body_bytes=max(0, SIZE - start - 100)))

    with FileServer(DATA, short) as server, pytest.raises(DownloadError, match="gave up after 5 attempts"):
        download(server, tmp_path)
    assert not (tmp_path / "faces.zip").exists()


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_missing_file_is_final_and_the_message_says_what_to_do(tmp_path: Path, status: int) -> None:
    with (
        FileServer(DATA, lambda handler: handler.reply(status, {"Content-Length": "0"})) as server,
        pytest.raises(DownloadError, match=rf"answers {status} .*in a browser and set `source.path`"),
    ):
        download(server, tmp_path)
    assert len(server.requests) == 1


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "application/zip"])
def test_a_log_in_page_is_not_taken_for_a_zip(tmp_path: Path, content_type: str) -> None:
    page = b"<!DOCTYPE html><title>Log in</title>"
    headers = {"Content-Type": content_type, "Content-Length": str(len(page))}
    with (
        FileServer(DATA, lambda handler: handler.reply(200, headers, page)) as server,
        pytest.raises(DownloadError, match=r"expected a (file, the server sent a web page|zip)"),
    ):
        download(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_log_in_page_midway_stops_the_download_and_keeps_what_has_arrived(tmp_path: Path) -> None:
    def portal(handler: Handler) -> bool:
        return handler.reply(200, {"Content-Type": "text/html", "Content-Length": "6"}, b"<html>")

    with FileServer(DATA, after_requests(5, portal)) as server:
        with pytest.raises(DownloadError, match="log-in page"):
            download(server, tmp_path, replace(QUICK, connections=1))
        server.behave = None
        assert download(server, tmp_path) == DATA
        assert server.bytes_sent == len(b"<html>") + 2 + 2 + SIZE


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with (
        FileServer(DATA, lambda handler: handler.reply(416, {"Content-Length": "0"})) as server,
        pytest.raises(DownloadError, match="empty file"),
    ):
        download(server, tmp_path)


def test_bytes_that_a_proxy_has_compressed_are_refused(tmp_path: Path) -> None:
    body = gzip.compress(DATA)
    headers = {"Content-Encoding": "gzip", "Content-Length": str(len(body))}
    with (
        FileServer(DATA, lambda handler: handler.reply(200, headers, body)) as server,
        pytest.raises(DownloadError, match="Content-Encoding: gzip"),
    ):
        download(server, tmp_path)

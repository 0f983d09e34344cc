"""Downloads from a server that misbehaves: either the file is whole and right in the end, or the reason is named."""

import gzip
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from file_server import FileServer, Handler

from faceshards.errors import DownloadError
from faceshards.source.fetch.download import fetch
from faceshards.source.fetch.http import open_session
from faceshards.source.fetch.remote import RemoteFile, Transfer

BLOCK = 1 << 16
SIZE = 8 * BLOCK + 123
DATA = b"PK" + random.Random(1).randbytes(SIZE - 2)
OTHER = b"PK" + random.Random(2).randbytes(SIZE - 2)
QUICK = Transfer(connections=3, retries=4, timeout_s=0.4, block_bytes=BLOCK, backoff_s=0.01)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def download(server: FileServer, into: Path, transfer: Transfer = QUICK, size: int | None = None) -> bytes:
    (path,) = fetch([RemoteFile(server.url(), size)], into, transfer=transfer, progress=False)
    return path.read_bytes()


def is_probe(handler: Handler) -> bool:
    return handler.headers["Range"] == "bytes=0-1"


def whole(handler: Handler) -> bool:
    """Ignore the Range."""
    return handler.answer(0, len(handler.files.data))


def after_requests(n: int, behave: Callable[[Handler], bool]) -> Callable[[Handler], bool]:
    return lambda handler: len(handler.files.requests) > n and behave(handler)


# Connections


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
        handler.files.closing.wait(10)
        handler.close_connection = True
        return True

    start = time.monotonic()
    with FileServer(DATA, stall) as server, pytest.raises(DownloadError, match=r"timed out.*gave up after 2 attempts"):
        download(server, tmp_path, replace(QUICK, retries=1))
    assert time.monotonic() - start < 5


def test_a_server_that_is_not_there_is_given_up(tmp_path: Path) -> None:
    with FileServer(DATA) as server:
        url = server.url()
    with pytest.raises(DownloadError, match=r"refused.*gave up"):
        fetch([RemoteFile(url)], tmp_path, transfer=QUICK, progress=False)


# Ranges and versions


def test_a_server_without_ranges_gives_one_stream(tmp_path: Path) -> None:
    with FileServer(DATA, whole) as server:
        assert download(server, tmp_path) == DATA
        assert server.requests == ["bytes=0-1", None]


def test_a_server_without_validators_gives_one_stream_for_ranges_of_two_versions_could_mix(tmp_path: Path) -> None:
    with FileServer(DATA) as server:
        server.headers = {"ETag": ""}
        assert download(server, tmp_path) == DATA
        assert server.requests == ["bytes=0-1", None]


def test_a_weak_etag_is_no_validator_but_last_modified_is(tmp_path: Path) -> None:
    with FileServer(DATA, lambda handler: handler.answer(*_span(handler))) as server:
        server.headers = {"ETag": 'W/"1"', "Last-Modified": "Tue, 05 Oct 2021 10:00:00 GMT"}
        assert download(server, tmp_path) == DATA
        assert len(server.requests) == 1 + 9


def _span(handler: Handler) -> tuple[int, int]:
    first, last = handler.headers["Range"].removeprefix("bytes=").split("-")
    return int(first), min(int(last) + 1, SIZE)


def test_ranges_are_asked_for_of_one_version_only(tmp_path: Path) -> None:
    conditions = set()

    def look(handler: Handler) -> bool:
        conditions.add((is_probe(handler), handler.headers["If-Range"]))
        return False

    with FileServer(DATA, look) as server:
        download(server, tmp_path)
        assert conditions == {(True, None), (False, server.etag)}


def test_ranges_that_end_midway_fall_back_to_one_stream(tmp_path: Path) -> None:
    with FileServer(DATA, after_requests(4, whole)) as server:
        assert download(server, tmp_path) == DATA
        assert server.requests[-1] is None


def test_another_range_than_asked_for_is_not_written(tmp_path: Path) -> None:
    def shifted(handler: Handler) -> bool:
        start, stop = handler.asked()
        return start > 0 and stop - start < SIZE and handler.answer(start - 1, stop - 1)

    with FileServer(DATA, shifted) as server:
        assert download(server, tmp_path) == DATA


def test_a_shorter_range_than_asked_for_is_taken_as_far_as_it_goes(tmp_path: Path) -> None:
    def shorter(handler: Handler) -> bool:
        start, stop = handler.asked()
        stop = min(stop, start + 30_000)
        headers = {"ETag": handler.files.etag, "Content-Range": f"bytes {start}-{stop - 1}/{SIZE}"}
        return handler.reply(206, headers, DATA[start:stop] + b"junk" * 1000) and handler.hang_up()

    with FileServer(DATA, shorter) as server:
        assert download(server, tmp_path) == DATA


@pytest.mark.parametrize("other", [OTHER, OTHER[: SIZE // 2], OTHER + OTHER[2:]], ids=["as long", "shorter", "longer"])
def test_a_file_that_changes_midway_is_fetched_afresh(tmp_path: Path, other: bytes) -> None:
    def publish(handler: Handler) -> bool:
        handler.files.data = other
        return False

    with FileServer(DATA, after_requests(4, publish)) as server:
        assert download(server, tmp_path) == other


def test_without_validators_a_change_shows_in_the_length(tmp_path: Path) -> None:
    def publish(handler: Handler) -> bool:
        handler.files.data = OTHER + OTHER[2:]
        return whole(handler)

    with FileServer(
        DATA, lambda handler: publish(handler) if len(handler.files.requests) > 1 else whole(handler)
    ) as server:
        server.headers = {"ETag": ""}
        assert download(server, tmp_path) == OTHER + OTHER[2:]


def test_ranges_of_a_file_of_another_size_are_of_another_version_whatever_the_etag_says(tmp_path: Path) -> None:
    def lie(handler: Handler) -> bool:
        start, stop = handler.asked()
        headers = {"ETag": handler.files.etag, "Content-Range": f"bytes {start}-{stop - 1}/{SIZE + 1}"}
        headers["Content-Length"] = str(stop - start)
        return not is_probe(handler) and handler.reply(206, headers, DATA[start:stop])

    with FileServer(DATA, lie) as server, pytest.raises(DownloadError, match="changed the file 3 times"):
        download(server, tmp_path)


def test_a_server_that_ignores_if_range_cannot_mix_versions(tmp_path: Path) -> None:
    def publish(handler: Handler) -> bool:
        handler.files.data = OTHER
        return handler.answer(*_span(handler))

    with FileServer(DATA, after_requests(4, publish)) as server:
        assert download(server, tmp_path) == OTHER


def test_a_file_that_never_stays_the_same_is_given_up(tmp_path: Path) -> None:
    def publish(handler: Handler) -> bool:
        handler.files.data = b"PK" + random.Random(len(handler.files.requests)).randbytes(SIZE - 2)
        return False

    with FileServer(DATA, publish) as server, pytest.raises(DownloadError, match="changed the file 3 times"):
        download(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


# Lengths


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


# What is not the file


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
        pytest.raises(DownloadError, match="expected a zip"),
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


# Busy servers


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


# Redirects


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


# Kills

DOWNLOADER = """
import sys
from pathlib import Path
from faceshards.source.fetch.download import fetch
from faceshards.source.fetch.remote import RemoteFile, Transfer
fetch([RemoteFile(sys.argv[1])], Path(sys.argv[2]), transfer=Transfer(connections=2, block_bytes=int(sys.argv[3])))
"""


def test_after_kill_9_only_the_rest_is_fetched(tmp_path: Path) -> None:
    with FileServer(DATA, lambda handler: handler.answer(*handler.asked(), pause_s=0.01)) as server:
        killed = subprocess.Popen([sys.executable, "-c", DOWNLOADER, server.url(), tmp_path, str(BLOCK)])
        while server.bytes_sent < SIZE // 2:
            assert killed.poll() is None
            time.sleep(0.005)
        killed.kill()
        killed.wait()
        assert not (tmp_path / "faces.zip").exists()
        done = json.loads((tmp_path / "faces.zip.part.json").read_text())["done"]
        assert len(done) >= 2

        time.sleep(0.1)  # let the server notice that nobody listens
        server.bytes_sent = 0
        assert download(server, tmp_path) == DATA
        assert server.bytes_sent == SIZE + 2 - sum(min(BLOCK, SIZE - block * BLOCK) for block in done)


def test_ranges_that_the_failure_of_another_breaks_off_are_not_taken_for_done(tmp_path: Path) -> None:
    def slow_or_gone(handler: Handler) -> bool:
        start, stop = handler.asked()
        if start == 2 * BLOCK:
            handler.files.closing.wait(0.05)
            return handler.reply(404, {"Content-Length": "0"})
        return handler.answer(start, stop, pause_s=0.05)

    with FileServer(DATA, slow_or_gone) as server:
        with pytest.raises(DownloadError, match="404"):
            download(server, tmp_path)
        server.behave = None
        assert download(server, tmp_path) == DATA


def test_a_kill_just_after_the_rename_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "faces.zip").write_bytes(DATA)
    (tmp_path / "faces.zip.part.json").write_text("{}")
    with FileServer(DATA) as server:
        assert download(server, tmp_path) == DATA
        assert server.requests == []
    assert [path.name for path in tmp_path.iterdir()] == ["faces.zip"]


def test_what_a_killed_download_left_of_another_version_is_not_used(tmp_path: Path) -> None:
    with FileServer(DATA, after_requests(5, lambda handler: handler.reply(404, {"Content-Length": "0"}))) as server:
        with pytest.raises(DownloadError):
            download(server, tmp_path, replace(QUICK, connections=1))
        assert len(json.loads((tmp_path / "faces.zip.part.json").read_text())["done"]) == 4
        server.behave, server.data = None, OTHER
        assert download(server, tmp_path) == OTHER


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"done": [0]}'])
def test_a_damaged_record_of_what_has_arrived_means_starting_afresh(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "faces.zip.part").write_bytes(bytes(SIZE))
    (tmp_path / "faces.zip.part.json").write_bytes(damage)
    with FileServer(DATA) as server:
        assert download(server, tmp_path) == DATA

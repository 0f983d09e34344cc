"""Downloads by ranges: what comes is one version of the file, or the reason is named."""

import random
from pathlib import Path

import pytest
from downloads import DATA, OTHER, SIZE, after_requests, download, is_probe, span, whole
from file_server import FileServer, Handler

from faceshards.errors import DownloadError

pytestmark = pytest.mark.usefixtures("no_proxy")


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
    with FileServer(DATA, lambda handler: handler.answer(*span(handler))) as server:
        server.headers = {"ETag": 'W/"1"', "Last-Modified": "Tue, 05 Oct 2021 10:00:00 GMT"}
        assert download(server, tmp_path) == DATA
        assert len(server.requests) == 1 + 9


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
        return handler.answer(*span(handler))

    with FileServer(DATA, after_requests(4, publish)) as server:
        assert download(server, tmp_path) == OTHER


def test_a_file_that_never_stays_the_same_is_given_up(tmp_path: Path) -> None:
    def publish(handler: Handler) -> bool:
        handler.files.data = b"PK" + random.Random(len(handler.files.requests)).randbytes(SIZE - 2)
        return False

    with FileServer(DATA, publish) as server, pytest.raises(DownloadError, match="changed the file 3 times"):
        download(server, tmp_path)
    assert list(tmp_path.iterdir()) == []

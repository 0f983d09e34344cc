"""Downloads that are killed or fail midway go on where they were, and only there."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from downloads import BLOCK, DATA, OTHER, QUICK, SIZE, after_requests, download
from file_server import FileServer, Handler

from faceshards.errors import DownloadError

pytestmark = pytest.mark.usefixtures("no_proxy")


DOWNLOADER = """
import sys
from pathlib import Path
from faceshards.source.fetch.download import fetch
from faceshards.source.fetch.remote import RemoteFile, Transfer
fetch([RemoteFile(sys.argv[1])], Path(sys.argv[2]), transfer=Transfer(connections=2, block_bytes=int(sys.argv[3])))
"""


def test_after_kill_9_only_the_rest_is_fetched(tmp_path: Path) -> None:
    record = tmp_path / "faces.zip.part.json"

    def four_blocks_alone(handler: Handler) -> bool:
        start, stop = handler.asked()
        if start < 4 * BLOCK:
            return handler.answer(start, stop)
        handler.files.closing.wait(100)
        handler.close_connection = True
        return True

    def arrived() -> list[int]:
        blocks: list[int] = json.loads(record.read_text())["done"] if record.exists() else []
        return blocks

    with FileServer(DATA, four_blocks_alone) as server:
        killed = subprocess.Popen([sys.executable, "-c", DOWNLOADER, server.url(), tmp_path, str(BLOCK)])
        while len(arrived()) < 4:
            assert killed.poll() is None
            time.sleep(0.005)
        killed.kill()
        killed.wait()
        assert not (tmp_path / "faces.zip").exists()
        done = arrived()
        assert sorted(done) == [0, 1, 2, 3]

        server.behave, server.bytes_sent = None, 0
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

import hashlib
import random
from pathlib import Path

import pytest
from file_server import FileServer

from faceshards.errors import DownloadError
from faceshards.source.fetch.download import fetch
from faceshards.source.fetch.remote import RemoteFile, Transfer

BLOCK = 1 << 16
DATA = b"PK" + random.Random(1).randbytes(5 * BLOCK + 77)
QUICK = Transfer(connections=3, retries=2, timeout_s=2.0, block_bytes=BLOCK, backoff_s=0.01)

pytestmark = pytest.mark.usefixtures("no_proxy")


def test_a_file_arrives_in_ranges_that_cover_it_once(tmp_path: Path) -> None:
    with FileServer(DATA) as server:
        (path,) = fetch([RemoteFile(server.url())], tmp_path / "into", transfer=QUICK)
    assert path == tmp_path / "into" / "faces.zip"
    assert path.read_bytes() == DATA
    probe, *blocks = server.requests
    assert probe == "bytes=0-1"
    assert set(blocks) == {f"bytes={s}-{min(s + BLOCK, len(DATA)) - 1}" for s in range(0, len(DATA), BLOCK)}
    assert len(blocks) == 6
    assert server.bytes_sent == len(DATA) + 2


def test_nothing_but_the_file_is_left(tmp_path: Path) -> None:
    with FileServer(DATA) as server:
        fetch([RemoteFile(server.url())], tmp_path, transfer=QUICK)
    assert [path.name for path in tmp_path.iterdir()] == ["faces.zip"]


def test_a_set_of_parts_arrives_in_the_order_given(tmp_path: Path) -> None:
    with FileServer(DATA) as server:
        parts = [RemoteFile(server.url(f"faces.zip.{i:03d}")) for i in (1, 2)]
        paths = fetch(parts, tmp_path, transfer=QUICK)
    assert [path.name for path in paths] == ["faces.zip.001", "faces.zip.002"]
    assert all(path.read_bytes() == DATA for path in paths)


def test_a_finished_file_needs_no_network(tmp_path: Path) -> None:
    with FileServer(DATA) as server:
        file = RemoteFile(server.url(), len(DATA), hashlib.sha256(DATA).hexdigest())
        first = fetch([file], tmp_path, transfer=QUICK)
        asked = len(server.requests)
        assert fetch([file], tmp_path, transfer=QUICK) == first
        assert len(server.requests) == asked


def test_a_file_of_another_hash_than_the_recipe_names_is_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "faces.zip").write_bytes(DATA[::-1])
    with FileServer(DATA) as server:
        (path,) = fetch([RemoteFile(server.url(), sha256=hashlib.sha256(DATA).hexdigest())], tmp_path, transfer=QUICK)
    assert path.read_bytes() == DATA


def test_what_arrives_with_another_hash_is_deleted_and_both_hashes_are_named(tmp_path: Path) -> None:
    with FileServer(DATA) as server, pytest.raises(DownloadError, match="0" * 64) as error:
        fetch([RemoteFile(server.url(), sha256="0" * 64)], tmp_path, transfer=QUICK)
    assert hashlib.sha256(DATA).hexdigest() in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_another_size_than_the_recipe_names_is_refused_before_the_download(tmp_path: Path) -> None:
    with (
        FileServer(DATA) as server,
        pytest.raises(DownloadError, match=f"recipe says 5 bytes, the server {len(DATA):,}:"),
    ):
        fetch([RemoteFile(server.url(), bytes=5)], tmp_path, transfer=QUICK)
    assert len(server.requests) == 1


def test_a_disk_too_small_is_found_out_before_the_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with FileServer(DATA) as server, pytest.raises(DownloadError, match="free: 1,000; make room"):
        fetch([RemoteFile(server.url())], tmp_path, transfer=QUICK)
    assert len(server.requests) == 1
    assert list(tmp_path.iterdir()) == []

"""Stores at URLs: whole files come to the cache, once, and go again when it is full."""

import os
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from faulty_filesystem import register
from stores import build_faces

import faceshards
from faceshards.errors import CacheError, DownloadError, MissingExtraError, MissingShardError
from faceshards.store.cache import Cache
from faceshards.store.dataset_json import MAX_BYTES
from faceshards.store.filehashes import files_there
from faceshards.store.origin import Origin
from faceshards.store.reader import Store
from faceshards.store.remote import open_store

register()


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store")
    return build_faces(root / "work", root / "out")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.touch()
    return path


def reads(log: Path) -> list[str]:
    return [Path(line).name for line in log.read_text().splitlines()]


def kept(cache: Cache) -> list[str]:
    return sorted(p.name for p in cache.folder.rglob("c.*"))


def kept_bytes(cache: Cache) -> int:
    return sum(p.stat().st_size for p in cache.folder.rglob("*") if p.is_file())


def test_a_store_at_a_url_reads_as_the_one_on_the_disk(faces: Path, tmp_path: Path) -> None:
    remote = faceshards.open(f"file://{faces}", cache=Cache(tmp_path / "cache"))
    local = faceshards.open(faces)
    for view in ("original", "all_variants"):
        for ours, theirs in zip(remote.batches(4, view=view), local.batches(4, view=view), strict=True):
            assert ours.keys() == theirs.keys()
            for name in ours:
                np.testing.assert_array_equal(ours[name], theirs[name])


def test_only_what_is_read_is_fetched_and_only_once(faces: Path, tmp_path: Path, log: Path) -> None:
    cache = Cache(tmp_path / "cache")
    for _ in range(2):
        store = open_store(f"faulty://{faces}", storage_options={"log": str(log)}, cache=cache)
        for _ in range(2):
            store.read("train", "image", 0, 4)
            store.read("train", "image", 9, 10)
    assert kept(cache) == ["c.0.0.0.0", "c.1.0.0.0"]
    # That store may have been replaced: its description is asked for each time.
    assert sorted(reads(log)) == sorted(["dataset.json"] * 2 + ["files.parquet", "zarr.json", *kept(cache)])


def test_files_read_longest_ago_make_room_for_others(faces: Path, tmp_path: Path, log: Path) -> None:
    shard = (faces / "train.zarr/image/c.0.0.0.0").stat().st_size
    others = sum((faces / f).stat().st_size for f in ("files.parquet", "train.zarr/image/zarr.json"))
    cache = Cache(tmp_path / "cache", max_bytes=others + 2 * shard + shard // 2)
    store = open_store(f"faulty://{faces}", storage_options={"log": str(log)}, cache=cache)
    expected = Store.open(faces).read("train", "image")
    for row in (0, 8, 0, 20):
        np.testing.assert_array_equal(store.read("train", "image", row, row + 1), expected[row : row + 1])
        for path in cache.folder.rglob("*.*"):
            if path.name in ("files.parquet", "zarr.json"):
                os.utime(path)
        assert kept_bytes(cache) <= cache.max_bytes
    assert kept(cache) == ["c.0.0.0.0", "c.2.0.0.0"]
    np.testing.assert_array_equal(store.read("train", "image"), expected)
    assert kept_bytes(cache) <= cache.max_bytes


def test_a_file_that_is_held_stays_however_full_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceshards.store.cache._WAIT_FOR_ROOM_S", 0.1)
    cache = Cache(tmp_path / "cache", max_bytes=10)
    with cache.hold("one", 6, lambda file: file.write(b"abcdef") and None) as path:
        with pytest.raises(CacheError, match="no room for the 6 bytes of two"):
            cache.hold("two", 6, lambda file: None).__enter__()
        assert path.read_bytes() == b"abcdef"
    with cache.hold("two", 6, lambda file: file.write(b"ghijkl") and None) as path:
        assert path.read_bytes() == b"ghijkl"
    assert not (cache.folder / "one").exists()


def test_a_file_larger_than_the_whole_cache_is_refused_at_once(faces: Path, tmp_path: Path) -> None:
    with pytest.raises(CacheError, match=r"files\.parquet has [\d,]+ bytes, the whole cache may hold 100; .*max_bytes"):
        open_store(f"file://{faces}", cache=Cache(tmp_path / "cache", max_bytes=100)).read("train", "image")


def test_a_pickled_store_goes_on_with_the_same_content_without_asking_the_url(
    faces: Path, tmp_path: Path, log: Path
) -> None:
    options = {"log": str(log)}
    dataset = faceshards.open(f"faulty://{faces}", storage_options=options, cache=Cache(tmp_path / "cache"))
    data = pickle.dumps(dataset)
    before = reads(log).count("dataset.json")
    copy = pickle.loads(data)  # noqa: S301 (our own bytes)
    np.testing.assert_array_equal(copy[20]["image"], dataset[20]["image"])
    assert reads(log).count("dataset.json") == before


def test_a_cache_named_by_a_relative_path_is_found_from_anywhere(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store(f"file://{faces}", cache=Cache(Path("cache")))
    monkeypatch.chdir("/")
    store.read("train", "image", 0, 1)
    assert kept(Cache(tmp_path / "cache")) == ["c.0.0.0.0"]


def test_credentials_do_not_show(faces: Path, tmp_path: Path) -> None:
    store = open_store(f"file://{faces}", storage_options={"password": "hush"}, cache=Cache(tmp_path / "cache"))
    assert "hush" not in repr(store) + repr(store._mirror)


def test_the_cache_lies_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESHARDS_CACHE", str(tmp_path / "here"))
    assert Cache().folder == tmp_path / "here"
    monkeypatch.delenv("FACESHARDS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Cache().folder == tmp_path / "faceshards"


def test_urls_that_lead_nowhere_say_so(tmp_path: Path) -> None:
    with pytest.raises(MissingShardError, match=r"file://.*/dataset\.json is not there; check the URL"):
        open_store(f"file://{tmp_path}", cache=Cache(tmp_path / "cache"))
    with pytest.raises(DownloadError, match="nosuchscheme"):
        open_store("nosuchscheme://x", cache=Cache(tmp_path / "cache"))


def test_a_missing_file_system_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'faceshards\[remote\]'"):
        open_store("s3://bucket/shards", cache=Cache(tmp_path / "cache"))


def test_a_local_store_loads_nothing_of_remote_ones(faces: Path) -> None:
    # fsspec itself is loaded by zarr, where it is installed.
    modules = "{'tqdm', 's3fs'}"
    code = f"import faceshards, sys; faceshards.open({str(faces)!r})[0]; print({modules} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_folder_with_files_of_others_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / "photographs").mkdir()
    (tmp_path / "photographs/mine.jpg").write_bytes(b"mine")
    cache = Cache(tmp_path, max_bytes=4)
    with pytest.raises(CacheError, match="found 'photographs', which would be removed to make room; name another"):
        cache.hold("one", 4, lambda file: file.write(b"abcd") and None).__enter__()
    assert (tmp_path / "photographs/mine.jpg").read_bytes() == b"mine"


def test_nobody_waits_for_a_process_that_has_stopped_in_the_middle_of_a_fetch(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")

    def stopped(_: object) -> None:
        os.utime(cache.folder / "one.partial", (0, 0))
        with pytest.raises(CacheError, match=r"it has written nothing for \d+ seconds; go on with it or end it"):
            cache.hold("one", 4, lambda file: None).__enter__()

    with cache.hold("one", 4, stopped):
        pass


def test_a_server_that_sends_a_description_without_end_is_not_read_to_its_end(
    faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(f"file://{faces}")

    def endless(*_: object) -> Iterator[bytes]:
        while True:
            yield bytes(2**22)

    monkeypatch.setattr(Origin, "blocks", endless)
    assert files_there(store, f"file://{faces}").sizes["dataset.json"] == MAX_BYTES + 1


def test_a_server_that_falls_silent_is_waited_for_no_longer_than_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceshards.store.origin._SILENCE_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the system accepts, and nobody answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/shards"
        with pytest.raises(DownloadError, match=r"dataset\.json: \w*Timeout\w*: .*Check the URL"):
            open_store(url)


@pytest.mark.parametrize(("status", "expected"), [(404, MissingShardError), (403, DownloadError), (503, DownloadError)])
def test_a_file_that_a_server_does_not_give_is_missing_only_where_the_server_says_so(
    status: int, expected: type[Exception]
) -> None:
    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(status)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            with pytest.raises(expected):
                open_store(f"http://127.0.0.1:{server.server_port}/shards")
        finally:
            server.shutdown()


def test_a_folder_in_the_place_of_a_kept_file_goes_as_a_damaged_file_does(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    with cache.hold("one", 4, lambda file: file.write(b"abcd") and None) as path:
        path.unlink()
        (path / "in it").mkdir(parents=True)
    with cache.hold("one", 4, lambda file: file.write(b"abcd") and None) as path:
        assert path.read_bytes() == b"abcd"

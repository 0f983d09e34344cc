"""Whatever happens on the way from a remote store: right data, or an error that names file and remedy."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faulty_filesystem import register
from stores import build_faces, face_arrays

import faceshards
from faceshards.errors import CacheError, CorruptShardError, DownloadError, FaceShardsError, MissingShardError
from faceshards.store.cache import Cache
from faceshards.store.remote import open_store

register()

VICTIM = "train.zarr/image/c.0.0.0.0"
FILES = ("dataset.json", "files.parquet", "train.zarr/image/zarr.json", VICTIM)
EXPECTED = face_arrays("train", 0, 8)["image"]

READ = """
import sys
sys.path.insert(0, "tests")
from pathlib import Path
from faulty_filesystem import register
from faceshards.store.cache import Cache
from faceshards.store.remote import open_store
register()
url, log, folder, seconds = sys.argv[1:]
options = {"log": log, "seconds": float(seconds)}
image = open_store(url, storage_options=options, cache=Cache(Path(folder))).read("train", "image", 0, 8)
print(image.tobytes().hex())
"""


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store")
    return build_faces(root / "work", root / "out")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def read(faces: Path, cache: Cache, log: Path, **faults: Any) -> np.ndarray:
    return open_store(f"faulty://{faces}", storage_options={"log": str(log), **faults}, cache=cache).read(
        "train", "image", 0, 8
    )


def start_reader(root: Path, faces: Path, cache: Cache, log: Path, seconds: float) -> "subprocess.Popen[str]":
    arguments = [f"faulty://{faces}", str(log), str(cache.folder), str(seconds)]
    return subprocess.Popen([sys.executable, "-c", READ, *arguments], cwd=root, stdout=subprocess.PIPE, text=True)


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("fault", ["flip", "truncate", "extend", "fail"])
def test_what_goes_wrong_once_is_fetched_again(
    faces: Path, cache: Cache, tmp_path: Path, file: str, fault: str
) -> None:
    np.testing.assert_array_equal(read(faces, cache, tmp_path / "log", victim=file, fault=fault, times=1), EXPECTED)
    assert (tmp_path / "log").read_text().count(file) == 2


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    ("fault", "error", "remedy"),
    [
        ("flip", CorruptShardError, "upload it again|restore it"),
        ("truncate", CorruptShardError, "upload it again|restore it"),
        ("extend", CorruptShardError, "upload it again|restore it"),
        ("fail", DownloadError, "TimeoutError: the network went away. Check the URL"),
    ],
)
def test_what_goes_wrong_again_is_an_error_and_leaves_nothing_in_the_cache(
    faces: Path, cache: Cache, tmp_path: Path, file: str, fault: str, error: type[FaceShardsError], remedy: str
) -> None:
    with pytest.raises(error, match=remedy) as raised:
        read(faces, cache, tmp_path / "log", victim=file, fault=fault, times=2)
    assert f"{faces}/{file}" in str(raised.value)
    assert not list(cache.folder.rglob(f"{Path(file).name}*"))
    np.testing.assert_array_equal(read(faces, cache, tmp_path / "log"), EXPECTED)


def test_a_network_that_is_down_is_no_damage_that_an_epoch_may_leave_out(
    faces: Path, cache: Cache, tmp_path: Path
) -> None:
    down = {"log": str(tmp_path / "log"), "victim": VICTIM, "fault": "fail", "times": 99}
    batches = faceshards.open(f"faulty://{faces}", storage_options=down, cache=cache).batches(4, on_error="skip")
    with pytest.raises(DownloadError, match="the network went away"):
        list(batches)
    assert batches.skipped == 0


def test_a_missing_object_is_named(cache: Cache, tmp_path: Path) -> None:
    faces = build_faces(tmp_path / "work", tmp_path / "out")
    (faces / VICTIM).unlink()
    with pytest.raises(MissingShardError, match=r"image/c\.0\.0\.0\.0 is not there; .*upload the file again"):
        read(faces, cache, tmp_path / "log")


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "gone"])
@pytest.mark.parametrize("file", FILES[1:])
def test_damage_in_the_cache_itself_is_mended_from_the_origin(
    faces: Path, cache: Cache, tmp_path: Path, file: str, damage: str
) -> None:
    read(faces, cache, tmp_path / "log")
    (path,) = cache.folder.glob(f"*/{file}")
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        flipped = data[:40] + bytes([data[40] ^ 1]) + data[41:]
        path.write_bytes({"flip": flipped, "truncate": data[:-1], "empty": b""}[damage])
    np.testing.assert_array_equal(read(faces, cache, tmp_path / "log"), EXPECTED)
    assert path.read_bytes() == data


def test_a_fetch_killed_midway_leaves_nothing_that_passes_for_data(
    root: Path, faces: Path, cache: Cache, tmp_path: Path
) -> None:
    partial = f"*/{VICTIM}.partial"
    reader = start_reader(root, faces, cache, tmp_path / "log", 60)
    wait_until(lambda: list(cache.folder.glob(partial)))
    reader.send_signal(signal.SIGKILL)
    reader.communicate()
    assert list(cache.folder.glob(partial))
    np.testing.assert_array_equal(read(faces, cache, tmp_path / "log"), EXPECTED)
    assert not list(cache.folder.glob(partial))


def test_what_killed_fetches_left_goes_with_the_next_fetch_of_anything(cache: Cache) -> None:
    with cache.hold("one", 1, lambda file: file.write(b"x") and None):
        (cache.folder / "of-a-killed-process.partial").write_bytes(b"abc")
    cache.drop("one")
    with cache.hold("other", 1, lambda file: file.write(b"x") and None):
        assert {p.name for p in cache.folder.iterdir()} == {".lock", "CACHEDIR.TAG", "other"}


def test_processes_that_want_the_same_file_fetch_it_once(root: Path, faces: Path, cache: Cache, tmp_path: Path) -> None:
    log = tmp_path / "log"
    readers = [start_reader(root, faces, cache, log, 0.5) for _ in range(3)]
    for reader in readers:
        assert bytes.fromhex(reader.communicate()[0]) == EXPECTED.tobytes()
    assert log.read_text().count(VICTIM) == 1


def test_when_the_fetching_process_is_killed_the_waiting_one_takes_over(
    root: Path, faces: Path, cache: Cache, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    first = start_reader(root, faces, cache, log, 60)
    wait_until(lambda: log.exists() and VICTIM in log.read_text())
    second = start_reader(root, faces, cache, log, 0)
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(2)
    first.kill()
    first.communicate()
    assert bytes.fromhex(second.communicate(timeout=30)[0]) == EXPECTED.tobytes()


class TestReadOnlyCache:
    """As root a folder's mode stops nobody, so the calls that would write fail instead."""

    @pytest.fixture
    def read_only(self, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> Any:
        def freeze() -> None:
            real = os.open

            def refuse(path: Any, flags: int, *rest: Any, **options: Any) -> int:
                if flags & (os.O_RDWR | os.O_WRONLY | os.O_CREAT) and str(path).startswith(str(cache.folder)):
                    raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
                return real(path, flags, *rest, **options)

            def refuse_utime(*args: Any, **options: Any) -> None:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))

            monkeypatch.setattr(os, "open", refuse)
            monkeypatch.setattr(os, "utime", refuse_utime)

        return freeze

    def test_what_is_there_is_read(self, faces: Path, cache: Cache, tmp_path: Path, read_only: Any) -> None:
        read(faces, cache, tmp_path / "log")
        read_only()
        np.testing.assert_array_equal(read(faces, cache, tmp_path / "log"), EXPECTED)

    def test_what_is_not_there_is_an_error_with_a_remedy(
        self, faces: Path, cache: Cache, tmp_path: Path, read_only: Any
    ) -> None:
        read_only()
        with pytest.raises(CacheError, match=r"cannot keep .*files\.parquet there .*Read-only.* set FACESHARDS_CACHE"):
            read(faces, cache, tmp_path / "log")


def test_a_full_disk_is_an_error_with_a_remedy(
    faces: Path, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CacheError, match=r"No space left"):
        read(faces, cache, tmp_path / "log")
    assert not [p for p in cache.folder.rglob("*") if p.is_file() and p.name != ".lock"]

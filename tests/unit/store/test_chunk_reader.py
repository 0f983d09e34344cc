"""Chunks that lie in the file as in memory: read right to where they are wanted, and checked there all the same."""

import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import google_crc32c
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from stores import SIDE, build_faces, copy_of_faces, face_arrays, face_spec

from faceshards.errors import CorruptShardError, MissingShardError
from faceshards.store import crc32c
from faceshards.store.chunkreader import ChunkReader
from faceshards.store.chunks import chunk_reader
from faceshards.store.reader import Store
from faceshards.store.schema import Profile

ROWS, SHARD, CHUNK = 22, 8, 4
IMAGES = face_arrays("train", 0, ROWS)["image"]
FIRST_SHARD = "train.zarr/image/c.0.0.0.0"

Read = Callable[[ChunkReader], NDArray[Any]]


def the_first_run(reader: ChunkReader) -> NDArray[Any]:
    out = np.zeros_like(IMAGES[:SHARD])
    reader.read_run(0, out)
    return out


def the_first_chunk_scattered(reader: ChunkReader) -> NDArray[Any]:
    out = np.zeros_like(IMAGES[:CHUNK])
    reader.read_to(0, [(row, out[row : row + 1]) for row in range(CHUNK)])
    return out


def the_first_chunk(reader: ChunkReader) -> NDArray[Any]:
    return reader.read(0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return copy_of_faces(tmp_path / "out", face_spec({"train": ROWS}, SHARD, CHUNK, profile="fast"))


@pytest.fixture
def reader(path: Path) -> ChunkReader:
    return chunk_reader(Store.open(path), "train", "image")


@pytest.fixture(params=[the_first_run, the_first_chunk_scattered, the_first_chunk])
def read(request: pytest.FixtureRequest) -> Read:
    found: Read = request.param
    return found


@pytest.mark.parametrize("profile", get_args(Profile))
def test_only_what_is_not_compressed_lies_there_as_it_is(tmp_path: Path, profile: Any) -> None:
    path = copy_of_faces(tmp_path / "out", face_spec(profile=profile))
    assert chunk_reader(Store.open(path), "train", "image").as_is == (profile == "fast")


def test_a_run_of_chunks_goes_on_in_the_next_shard_and_ends_with_the_split(reader: ChunkReader) -> None:
    for first, stop in ((0, 4), (1, 3), (1, 5), (0, 6), (5, 6)):
        expected = IMAGES[first * CHUNK : stop * CHUNK]
        out = np.zeros_like(expected)
        reader.read_run(first, out)
        np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(("first", "rows"), [(0, 3), (4, 7), (5, 4), (6, 4), (-1, 4)])
def test_what_is_no_run_of_whole_chunks_is_refused(reader: ChunkReader, first: int, rows: int) -> None:
    with pytest.raises(IndexError):
        reader.read_run(first, np.zeros((rows, *IMAGES.shape[1:]), np.uint8))


@given(wanted=st.sets(st.integers(0, CHUNK - 1)), chunk=st.integers(0, 4), joined=st.booleans())
def test_any_samples_of_a_chunk_go_to_any_places(
    tmp_path_factory: pytest.TempPathFactory, wanted: set[int], chunk: int, joined: bool
) -> None:
    root = tmp_path_factory.getbasetemp() / "scattered"
    if not root.exists():
        build_faces(root / "work", root / "out", face_spec({"train": ROWS}, SHARD, CHUNK, profile="fast"))
    reader = chunk_reader(Store.open(root / "out"), "train", "image")
    out = np.full((2 * CHUNK, *IMAGES.shape[1:]), 7, np.uint8)
    if joined and wanted == set(range(min(wanted, default=0), max(wanted, default=-1) + 1)):
        parts = [(min(wanted), out[CHUNK + min(wanted) : CHUNK + max(wanted) + 1])] if wanted else []
    else:
        parts = [(row, out[CHUNK + row : CHUNK + row + 1]) for row in sorted(wanted)]
    reader.read_to(chunk, parts)
    for row in range(CHUNK):
        expected = IMAGES[chunk * CHUNK + row] if row in wanted else 7
        assert (out[CHUNK + row] == expected).all()
    assert (out[:CHUNK] == 7).all()


def test_a_bit_that_flips_after_the_first_reading_is_noticed(path: Path, reader: ChunkReader, read: Read) -> None:
    np.testing.assert_array_equal(read(reader), IMAGES[: len(read(reader))])
    first_chunk = IMAGES[:CHUNK].nbytes + 4
    for bit in np.random.default_rng(0).choice(8 * first_chunk, 100, replace=False).tolist():
        flip(path / FIRST_SHARD, bit)
        with pytest.raises(CorruptShardError, match=r"c\.0\.0\.0\.0: .*CRC-32C does not fit.*verify"):
            read(reader)
        flip(path / FIRST_SHARD, bit)
    np.testing.assert_array_equal(read(reader), IMAGES[: len(read(reader))])


def test_a_file_that_goes_or_shrinks_or_grows_while_it_is_open_is_noticed(
    path: Path, reader: ChunkReader, read: Read
) -> None:
    read(reader)
    file = path / FIRST_SHARD
    size = file.stat().st_size
    for other in (size - 9, size + 9):
        os.truncate(file, other)
        with pytest.raises(CorruptShardError, match=rf"expected {size:,} bytes, found {other:,}"):
            read(reader)
    file.unlink()
    with pytest.raises(MissingShardError, match="belongs to the store and is not on the disk"):
        read(reader)


def test_a_damaged_file_that_is_fetched_again_is_read_anew(path: Path, reader: ChunkReader, read: Read) -> None:
    file = path / FIRST_SHARD
    sound = file.read_bytes()
    flip(file, 3)
    with pytest.raises(CorruptShardError):
        read(reader)
    fetched = path / "fetched"
    fetched.write_bytes(sound)
    fetched.replace(file)
    np.testing.assert_array_equal(read(reader), IMAGES[: len(read(reader))])


def test_no_more_files_stay_open_than_a_shuffle_draws_from(tmp_path: Path) -> None:
    rows = 200
    spec = face_spec({"train": rows}, 2, 2, profile="fast")
    path = build_faces(tmp_path / "work", tmp_path / "out", spec)
    gc.collect()
    before = open_files()
    reader = chunk_reader(Store.open(path), "train", "image")
    for chunk in range(rows // 2):
        reader.read(chunk)
    assert open_files() - before <= 64
    reader.read_run(0, np.zeros((rows, SIDE, SIDE, 3), np.uint8))
    assert open_files() - before <= 2 * 64  # a mapped file is open twice
    del reader
    gc.collect()
    assert open_files() == before


@given(st.integers(0, 1 << 18), st.integers(0, 1 << 18), st.integers(0, 255))
def test_the_checksum_is_that_of_the_whole_however_it_is_cut(n: int, cut: int, value: int) -> None:
    data = np.full(n, value, np.uint8)
    data[::7] ^= 1
    assert crc32c.extend(crc32c.extend(0, data[:cut]), data[cut:]) == google_crc32c.value(data)


def test_without_the_c_function_the_checksum_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    data = np.arange(1 << 18, dtype=np.uint16).reshape(2, -1)
    found = crc32c.extend(0, data)
    monkeypatch.setattr(crc32c, "_without_lock", None)
    assert crc32c.extend(0, data) == found == google_crc32c.value(data.tobytes())


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def flip(file: Path, bit: int) -> None:
    with file.open("r+b") as opened:
        opened.seek(bit // 8)
        (byte,) = opened.read(1)
        opened.seek(bit // 8)
        opened.write(bytes([byte ^ 1 << bit % 8]))

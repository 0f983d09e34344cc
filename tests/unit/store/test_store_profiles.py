"""What each profile writes, and that both readers get it back."""

import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import zarr
from stores import build_faces, face_arrays, face_spec, shards, tree, write_face_shard

from faceshards.store.chunks import ChunkReader
from faceshards.store.filters import IMAGE_DELTA, restore, subtract
from faceshards.store.reader import Store
from faceshards.store.schema import Profile
from faceshards.store.writer import create

CHUNK = 4
CHECKED = ["bytes", "zstd", "crc32c"]
CODECS = {
    "portable": {"image": CHECKED, "region": CHECKED},
    "compact": {"image": ["transpose", IMAGE_DELTA, *CHECKED], "region": CHECKED},
    "fast": {"image": ["bytes", "crc32c"], "region": ["bytes", "crc32c"]},
}


@pytest.fixture(params=get_args(Profile))
def profile(request: pytest.FixtureRequest) -> Profile:
    return request.param


@pytest.fixture
def path(tmp_path: Path, profile: Profile) -> Path:
    return build_faces(tmp_path / "work", tmp_path / "out", face_spec(profile=profile))


def test_the_codecs_are_those_of_the_profile(path: Path, profile: Profile) -> None:
    for array, expected in CODECS[profile].items():
        metadata = json.loads((path / f"train.zarr/{array}/zarr.json").read_text())
        assert [codec["name"] for codec in metadata["codecs"][0]["configuration"]["codecs"]] == expected
    assert Store.open(path).info["profile"] == profile


def test_zarr_and_the_chunk_reader_give_what_was_written(path: Path) -> None:
    store = Store.open(path)
    for split, rows in store.splits.items():
        written = face_arrays(split, 0, rows)
        for array, expected in written.items():
            np.testing.assert_array_equal(zarr.open_array(path / f"{split}.zarr/{array}", mode="r")[:], expected)
            reader = ChunkReader(store, split, array)
            chunks = [reader.read(number).copy() for number in range(-(-rows // CHUNK))]
            found = np.concatenate(chunks)
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


def test_chunks_that_are_not_there_are_refused(path: Path) -> None:
    reader = ChunkReader(Store.open(path), "train", "image")
    for number in (-1, 6):
        with pytest.raises(IndexError, match=f"chunk {number} of split 'train': it has 6"):
            reader.read(number)


def test_shards_in_any_order_give_the_same_bytes(tmp_path: Path, profile: Profile) -> None:
    spec = face_spec(profile=profile)
    for name, order in {"one": 1, "other": -1}.items():
        create(tmp_path / name, spec)
        for split, shard in shards(spec)[::order]:
            write_face_shard(tmp_path / name, spec, split, shard)
    assert tree(tmp_path / "one") == tree(tmp_path / "other")


def test_the_filter_leaves_little_of_a_smooth_image() -> None:
    y, n, x = np.mgrid[:16, :2, :16]
    grey = (3 * y + 2 * x + 50 * n).astype(np.uint8)
    image = np.stack([grey + 7, grey, grey - 7], axis=-1)
    filtered = image.copy()
    subtract(filtered)
    assert set(np.unique(filtered[1:])) == {0, 3}
    restore(filtered)
    np.testing.assert_array_equal(filtered, image)

"""What each profile writes, and that both readers get it back."""

import json
import shutil
from pathlib import Path
from typing import get_args

import numpy as np
import pyarrow as pa
import pytest
import zarr
from numpy.typing import NDArray
from stores import copy_of_faces, face_arrays, face_spec, tree, write_face_shard

from faceshards.store.chunks import chunk_reader
from faceshards.store.filters import IMAGE_DELTA, restore, subtract
from faceshards.store.imagecodec import IMAGE_FILE
from faceshards.store.layout import shard_path
from faceshards.store.reader import Store
from faceshards.store.schema import OK, ArraySpec, Profile
from faceshards.store.writer import create, write_shard

CHUNK = 4
CHECKED = ["bytes", "zstd", "crc32c"]
CODECS = {
    "portable": {"image": CHECKED, "region": CHECKED},
    "compact": {"image": ["transpose", IMAGE_DELTA, *CHECKED], "region": CHECKED},
    "fast": {"image": ["bytes", "crc32c"], "region": ["bytes", "crc32c"]},
    "source": {"image": [IMAGE_FILE, "crc32c"], "region": CHECKED, "variant": ["transpose", IMAGE_DELTA, *CHECKED]},
}


@pytest.fixture(params=get_args(Profile))
def profile(request: pytest.FixtureRequest) -> Profile:
    return request.param


@pytest.fixture
def path(tmp_path: Path, profile: Profile) -> Path:
    return copy_of_faces(tmp_path / "out", face_spec(profile=profile))


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
            reader = chunk_reader(store, split, array)
            chunks = [reader.read(number).copy() for number in range(-(-rows // CHUNK))]
            found = np.concatenate(chunks)
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


def test_chunks_that_are_not_there_are_refused(path: Path) -> None:
    reader = chunk_reader(Store.open(path), "train", "image")
    for number in (-1, 6):
        with pytest.raises(IndexError, match=f"chunk {number} of split 'train': it has 6"):
            reader.read(number)


def test_shards_in_any_order_give_the_same_bytes(tmp_path: Path, profile: Profile) -> None:
    spec = face_spec(profile=profile)
    for name, order in {"one": 1, "other": -1}.items():
        create(tmp_path / name, spec)
        for split, shard in spec.shards[::order]:
            write_face_shard(tmp_path / name, spec, split, shard)
    assert tree(tmp_path / "one") == tree(tmp_path / "other")


def test_compact_images_are_frames_of_our_own_and_no_larger_than_zarrs(tmp_path: Path) -> None:
    images = _grainy(64)
    ours = _written(tmp_path, "image", images)
    zarr.open_array(ours.parent)[:] = images
    plain = ours.stat().st_size
    ours = _written(tmp_path, "image", images)
    assert ours.stat().st_size != plain
    assert ours.stat().st_size < 1.005 * plain < images.nbytes
    np.testing.assert_array_equal(zarr.open_array(ours.parent, mode="r")[:], images)


def test_variants_cost_little_more_than_what_differs(tmp_path: Path) -> None:
    alike = np.repeat(_grainy(32)[:, None], 4, axis=1)
    different = np.stack([_grainy(32, seed) for seed in range(4)], axis=1)
    sizes = [_written(tmp_path, "variant", values).stat().st_size for values in (alike, different)]
    assert sizes[0] < 0.4 * sizes[1]


def test_variants_are_the_frames_that_zarr_writes_for_they_repeat_what_they_share(tmp_path: Path) -> None:
    variants = np.repeat(_grainy(32)[:, None], 4, axis=1)
    file = _written(tmp_path, "variant", variants)
    ours = file.read_bytes()
    zarr.open_array(file.parent)[:] = variants
    assert file.read_bytes() == ours


def _written(folder: Path, name: str, values: NDArray[np.uint8]) -> Path:
    """The file of one array, written as a shard of a compact store."""
    n, *shape = values.shape
    array = ArraySpec(name, "uint8", tuple(shape), ("erasure", "y", "x", "channel")[-len(shape) :])
    spec = face_spec({"train": n}, n, n // 2, arrays=(array,))
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    create(work, spec)
    ids = [{"sample_id": f"{i}", "source_id": "", "identity": -1, "status": OK} for i in range(n)]
    write_shard(work, spec, "train", 0, {name: values}, pa.Table.from_pylist(ids, spec.rows_schema))
    return work / shard_path("train", array, 0)


def _grainy(n: int, seed: int = 0) -> NDArray[np.uint8]:
    """(n, 48, 48, 3) smooth pictures with a camera's noise."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[:48, :48]
    smooth = 100 + 60 * np.sin(x / 17 + np.arange(n)[:, None, None]) * np.cos(y / 13)
    return np.clip(smooth[..., None] + draw.normal(0, 2, (n, 48, 48, 3)), 0, 255).astype(np.uint8)


def test_the_filter_leaves_little_of_a_smooth_image() -> None:
    y, n, x = np.mgrid[:16, :2, :16]
    grey = (3 * y + 2 * x + 50 * n).astype(np.uint8)
    image = np.stack([grey + 7, grey, grey - 7], axis=-1)
    filtered = image.copy()
    subtract(filtered)
    assert set(np.unique(filtered[1:])) == {0, 3}
    restore(filtered)
    np.testing.assert_array_equal(filtered, image)

"""A RecordIO of aligned JPEGs becomes a store of the profile `source`: same bytes, same pixels, little more room."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from image_files import encode
from numpy.typing import NDArray
from recordio_files import insightface, write_pair
from small_stores import ERASE, PLAN, build

import faceshards
from faceshards.build.params import StoreParams
from faceshards.source.recordio import RecordIO
from faceshards.store.reader import Store
from faceshards.store.verify import verify

N, PEOPLE = 600, 40
SIDE = 112
KEPT = StoreParams(shard_rows=512, chunk_rows=32, profile="source")
ALL_IN_ONE = replace(PLAN, splits={"train": 1.0})
MOST = 1.05  # times what the RecordIO takes


def face(seed: int) -> NDArray[np.uint8]:
    """(112, 112, 3) smooth with a camera's grain, which as JPEG take the 5 kB of a photographed face."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    smooth = 120 + 60 * np.sin((x + seed) / 17) * np.cos((y - seed) / 23)
    grain = draw.normal(0, 5, (SIDE, SIDE, 1)) + draw.normal(0, 2, (SIDE, SIDE, 3))
    return np.clip(smooth[..., None] + (0, 15, -25) + grain, 0, 255).astype(np.uint8)


def decoded(file: bytes) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR_RGB))


def size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize("variants", [0, 2])
def test_the_bytes_of_the_record_are_those_of_the_store(tmp_path: Path, variants: int) -> None:
    files = [encode(face(i), ".jpg") for i in range(12)]
    files[3] = encode(face(3))
    files[5] = encode(face(5), ".webp")
    files[7] = b"\xff\xd8\xff this one drops out"
    source = RecordIO(write_pair(tmp_path, insightface(files, [float(i % 5) for i in range(12)])))
    store = replace(KEPT, shard_rows=8, chunk_rows=4)
    made = build(tmp_path / "data", source, replace(ERASE, variants=variants), ALL_IN_ONE, store)
    shards = Store.open(made.shards)
    assert verify(made.shards).problems == ()
    found = shards.read_files("train", "image", 0, 12).files
    faces = faceshards.open(made.shards)
    assert len(faces) == 11
    rows = dict(zip(shards.manifest["sample_id"].to_pylist(), shards.manifest["row"].to_pylist(), strict=True))
    for number, file in enumerate(files, 1):
        kept = found[rows[str(number)]]
        assert (kept == file) == (number - 1 not in (5, 7))
        expected = np.zeros((SIDE, SIDE, 3), np.uint8) if number == 8 else decoded(file)
        np.testing.assert_array_equal(decoded(kept), expected)
    names = faces[:]["sample_id"].tolist()
    for name, image in zip(names, faces[:]["image"], strict=True):
        np.testing.assert_array_equal(image, decoded(files[int(name) - 1]))


def test_a_store_without_its_maps_takes_little_more_than_the_record(tmp_path: Path) -> None:
    files = [encode(face(i), ".jpg") for i in range(N)]
    assert 4_000 < np.mean([len(file) for file in files]) < 7_000
    record = write_pair(tmp_path, insightface(files, [float(i % PEOPLE) for i in range(N)]))
    made = build(tmp_path / "data", RecordIO(record), replace(ERASE, variants=0), ALL_IN_ONE, KEPT)
    taken = record.stat().st_size + record.with_suffix(".idx").stat().st_size
    assert size(made.shards) - size(made.shards / "train.zarr/region") < MOST * taken

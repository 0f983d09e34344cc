import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import zarr
from stores import build_faces, face_arrays, face_spec, manifest_rows

from faceshards.errors import CorruptShardError, StoreFormatError, StoreSpecError
from faceshards.regions import REGION_NAMES
from faceshards.store import dataset_json
from faceshards.store.finish import finish
from faceshards.store.reader import Store
from faceshards.store.writer import create, write_shard


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store")
    return build_faces(root / "work", root / "out")


@pytest.mark.parametrize(("start", "stop"), [(0, 21), (0, 8), (3, 5), (7, 17), (20, 21), (9, 9)])
@pytest.mark.parametrize("array", ["image", "region", "variant", "erased", "identity"])
def test_rows_come_back_as_they_were_written(faces: Path, array: str, start: int, stop: int) -> None:
    found = Store.open(faces).read("train", array, start, stop)
    expected = face_arrays("train", 0, 21)[array][start:stop]
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_plain_zarr_reads_the_arrays_with_nothing_of_ours(faces: Path) -> None:
    group = zarr.open_group(faces / "train.zarr", mode="r", use_consolidated=True)
    for name, expected in face_arrays("train", 0, 21).items():
        np.testing.assert_array_equal(group[name][:], expected)
    assert group["variant"].metadata.dimension_names == ("sample", "erasure", "y", "x", "channel")
    assert group["region"].fill_value == 255
    assert group.attrs["class_names"] == list(REGION_NAMES)
    assert group.attrs["licence"] == "CC0-1.0"
    assert group.attrs["ignore_value"] == 255


def test_checksums_guard_chunks_and_index(faces: Path) -> None:
    for split in ("train", "val"):
        for array in ("image", "region", "variant", "erased", "identity"):
            metadata = json.loads((faces / f"{split}.zarr/{array}/zarr.json").read_text())
            sharding = metadata["codecs"][0]["configuration"]
            assert [codec["name"] for codec in sharding["codecs"]][-3:] == ["bytes", "zstd", "crc32c"]
            assert [codec["name"] for codec in sharding["index_codecs"]] == ["bytes", "crc32c"]


def test_a_shard_of_nothing_but_fill_values_is_still_a_file(tmp_path: Path) -> None:
    spec = face_spec()
    create(tmp_path, spec)
    for split, shard in spec.shards:
        start, stop = spec.shard_range(split, shard)
        blank = {a.name: np.full((stop - start, *a.shape), a.fill_value, a.dtype) for a in spec.arrays}
        write_shard(tmp_path, spec, split, shard, blank, manifest_rows(spec, split, start, blank))
    finish(tmp_path, spec, {})
    assert (tmp_path / "train.zarr/image/c.0.0.0.0").stat().st_size > 0
    assert not Store.open(tmp_path).read("train", "image").any()


def test_a_pickled_store_opens_the_folder_anew(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(faces.parent)
    copy = pickle.dumps(Store.open(faces.name))
    monkeypatch.chdir("/")
    assert pickle.loads(copy).read("val", "identity").tolist() == [0, 1, 2]  # noqa: S301 (our own bytes)


def test_asking_for_what_is_not_there_names_what_is(faces: Path) -> None:
    store = Store.open(faces)
    with pytest.raises(StoreSpecError, match="no split 'test'; it has: train, val"):
        store.read("test", "image")
    with pytest.raises(StoreSpecError, match="no array 'depth'; it has: image, region"):
        store.read("train", "depth")
    for start, stop in [(0, 22), (-1, 3), (5, 4)]:
        with pytest.raises(IndexError, match="has 21"):
            store.read("train", "image", start, stop)


def test_a_folder_that_is_no_store_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreFormatError, match=r"has no dataset\.json"):
        Store.open(tmp_path)
    with pytest.raises(StoreFormatError, match="there is no such folder"):
        Store.open(tmp_path / "absent")


def test_unfinished_work_does_not_open(tmp_path: Path) -> None:
    create(tmp_path, face_spec())
    with pytest.raises(StoreFormatError, match="run it again"):
        Store.open(tmp_path)


def test_a_store_of_a_later_release_says_upgrade(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_bytes(dataset_json.encode({"format_version": 2}))
    with pytest.raises(StoreFormatError, match="format version 2; this release reads up to 1"):
        Store.open(tmp_path)


@pytest.mark.parametrize("text", ["[]", "{}", '{"version": 1}'])
def test_other_json_is_no_store(tmp_path: Path, text: str) -> None:
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(StoreFormatError, match="no format_version"):
        Store.open(tmp_path)


@pytest.mark.parametrize("text", ["", "{", '{"format_version": NaN}', '{"format_version": 1}'])
def test_an_altered_dataset_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(CorruptShardError, match="was altered"):
        Store.open(tmp_path)

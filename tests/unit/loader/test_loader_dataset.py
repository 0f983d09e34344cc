import pickle
import shutil
import threading
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from stores import IDENTITIES, VARIANTS, build_faces, face_arrays, face_spec, sample_id

import faceshards
from faceshards.errors import ParamsError, StoreFormatError
from faceshards.loader.split import Split
from faceshards.loader.views import View
from faceshards.store.finish import finish
from faceshards.store.pixelchunks import PixelReader
from faceshards.store.schema import OK, SKIPPED, ArraySpec, SplitSpec, StoreSpec
from faceshards.store.writer import create, write_shard


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store")
    return build_faces(root / "work", root / "out")


@pytest.fixture
def faces(path: Path) -> faceshards.Dataset:
    return faceshards.open(path)


TRAIN = face_arrays("train", 0, 21)


def test_a_sample_is_a_dict_of_its_fields(faces: faceshards.Dataset) -> None:
    sample = faces[4]
    assert set(sample) == {"sample_id", "identity", "label", "image", "region"}
    assert sample["sample_id"] == sample_id("train", 4)
    assert sample["identity"] == 4 % IDENTITIES
    np.testing.assert_array_equal(sample["image"], TRAIN["image"][4])


def test_indices_count_from_either_end_and_stop_there(faces: faceshards.Dataset) -> None:
    assert faces[-1]["sample_id"] == faces[20]["sample_id"] == sample_id("train", 20)
    for index in (21, -22):
        with pytest.raises(IndexError, match="21 faces"):
            faces[index]


@pytest.mark.parametrize("index", [1.5, np.float64(2), True, np.True_, "1", None, (1, 2)], ids=repr)
def test_what_is_no_index_is_refused(faces: faceshards.Dataset, index: Any) -> None:
    with pytest.raises(TypeError, match="an index is a whole number or a slice, found"):
        faces[index]


@pytest.mark.parametrize("indices", [[0.5], [1.0, 2.0], np.arange(21) > 3, ["1"], [[1, 2]], 3], ids=repr)
def test_what_are_no_indices_are_refused(faces: faceshards.Dataset, indices: Any) -> None:
    with pytest.raises(TypeError, match="indices are whole numbers in one row"):
        faces.take(indices)


def test_indices_of_numpy_are_indices(faces: faceshards.Dataset) -> None:
    assert faces[np.int32(4)]["sample_id"] == faces[np.uint64(4)]["sample_id"] == sample_id("train", 4)
    assert faces.take(np.array([4, 2], np.uint8))["sample_id"].tolist() == [sample_id("train", n) for n in (4, 2)]
    assert faces.take([])["image"].shape == (0, 8, 8, 3)


def test_iterating_visits_every_sample_once(faces: faceshards.Dataset) -> None:
    assert [s["sample_id"] for s in faces] == [sample_id("train", row) for row in range(21)]


@pytest.mark.parametrize("window", [slice(3, 13), slice(None, None, -4), slice(-2, None), slice(5, 5)])
def test_a_slice_is_a_batch(faces: faceshards.Dataset, window: slice) -> None:
    batch = faces[window]
    assert batch["sample_id"].tolist() == [sample_id("train", row) for row in range(21)[window]]
    np.testing.assert_array_equal(batch["image"], TRAIN["image"][window])
    np.testing.assert_array_equal(batch["region"], TRAIN["region"][window])


def test_what_a_trainer_does_to_a_sample_does_not_reach_the_next_reader(faces: faceshards.Dataset) -> None:
    faces[0]["image"][:] = 0
    faces[0:2]["image"][:] = 0
    np.testing.assert_array_equal(faces[0]["image"], TRAIN["image"][0])


def test_batches_cover_the_split_in_order(faces: faceshards.Dataset) -> None:
    batches = list(faces.batches(8))
    assert [len(b["image"]) for b in batches] == [8, 8, 5]
    np.testing.assert_array_equal(np.concatenate([b["image"] for b in batches]), TRAIN["image"])
    assert [len(b["image"]) for b in faces.batches(8, drop_last=True)] == [8, 8]
    assert [len(b["image"]) for b in faces.batches(7, drop_last=True)] == [7, 7, 7]


def test_shuffling_visits_every_sample_once_and_keeps_rows_together(faces: faceshards.Dataset) -> None:
    ids, images = [], []
    for batch in faces.batches(6, shuffle=True, seed=3, epoch=1):
        ids += batch["sample_id"].tolist()
        images.append(batch["image"])
    assert ids != sorted(ids)
    assert sorted(ids) == [sample_id("train", row) for row in range(21)]
    order = [int(i.split("-")[1]) for i in ids]
    np.testing.assert_array_equal(np.concatenate(images), TRAIN["image"][order])


@pytest.mark.parametrize("shuffle", [True, "full"])
def test_the_order_follows_from_seed_and_epoch_alone(
    faces: faceshards.Dataset, path: Path, shuffle: Literal[True, "full"]
) -> None:
    def order(dataset: faceshards.Dataset, seed: int, epoch: int, threads: int = 1) -> list[str]:
        options = {"shuffle": shuffle, "seed": seed, "epoch": epoch, "threads": threads}
        return [i for b in dataset.batches(4, **options) for i in b["sample_id"].tolist()]

    first = order(faces, 0, 0)
    assert order(faceshards.open(path), 0, 0, threads=3) == first
    assert order(faceshards.open(path), 0, 0, threads=0) == first
    assert order(faces, 1, 0) != first
    assert order(faces, 0, 1) != first


def test_each_call_of_batches_is_the_next_epoch(path: Path) -> None:
    faces = faceshards.open(path, view=faceshards.Erase(min_area=1))

    def epoch(**options: Any) -> list[tuple[str, bytes]]:
        batches = faces.batches(4, shuffle=True, **options)
        return [(i, f.tobytes()) for b in batches for i, f in zip(b["sample_id"], b["image"], strict=True)]

    counted = [epoch() for _ in range(3)]
    assert counted == [epoch(epoch=number) for number in range(3)]
    assert len({tuple(name for name, _ in one) for one in counted}) == 3
    faces.set_epoch(7)
    assert epoch() == epoch() == epoch(epoch=7)


def test_without_threads_a_batch_is_decoded_when_it_is_asked_for(
    faces: faceshards.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoding: list[str] = []
    decode = Split.decode

    def watched(*args: Any, **kwargs: Any) -> Any:
        decoding.append(threading.current_thread().name)
        return decode(*args, **kwargs)

    monkeypatch.setattr(Split, "decode", watched)
    running = faces.batches(4, threads=0)
    assert not decoding
    next(running)
    assert set(decoding) == {threading.current_thread().name}
    first = len(decoding)
    list(running)
    assert len(decoding) > first


def test_the_tables_of_a_store_are_read_when_it_is_opened_and_not_again(path: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(path, tmp_path / "copy"))
    faces = faceshards.open(copy)
    for table in copy.glob("*.parquet"):
        table.unlink()
    assert sum(len(b["image"]) for b in faces.batches(4)) == len(faces)


def test_the_variants_view_shows_one_variant_with_its_mask_in_place_of_the_image(faces: faceshards.Dataset) -> None:
    shown = set()
    for epoch in range(8):
        for batch in faces.batches(5, shuffle=True, seed=1, epoch=epoch, view="variants"):
            assert set(batch) == {"sample_id", "identity", "label", "image", "region", "erased"}
            for i, name in enumerate(batch["sample_id"]):
                row = int(name.split("-")[1])
                (k,) = np.flatnonzero(TRAIN["erased"][row] == batch["erased"][i])
                np.testing.assert_array_equal(batch["image"][i], TRAIN["variant"][row, k])
                shown.add((row, int(k)))
    assert len(shown) > 0.9 * 21 * VARIANTS


def test_a_sample_shows_the_same_variant_in_whatever_batch_it_comes(faces: faceshards.Dataset) -> None:
    together = faces.take(range(21), view="variants", seed=2, epoch=5)
    alone = [faces.take([i], view="variants", seed=2, epoch=5) for i in range(21)]
    np.testing.assert_array_equal(together["image"], np.concatenate([b["image"] for b in alone]))


def test_the_all_variants_view_shows_the_image_and_all_variants(faces: faceshards.Dataset) -> None:
    batch = next(faces.batches(4, view="all_variants"))
    np.testing.assert_array_equal(batch["image"], TRAIN["image"][:4])
    np.testing.assert_array_equal(batch["variant"], TRAIN["variant"][:4])
    np.testing.assert_array_equal(batch["erased"], TRAIN["erased"][:4])


def test_only_the_fields_asked_for_are_read(path: Path) -> None:
    faces = faceshards.open(path, fields=["image", "identity"])
    assert list(faces[0]) == ["image", "identity"]
    assert list(next(faces.batches(2, fields=("erased",)))) == ["erased"]


def test_chunks_are_not_decoded_again_for_every_neighbour(
    faces: faceshards.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    real = PixelReader.read

    def counted(self: PixelReader, number: int, rows: np.ndarray | None = None) -> np.ndarray:
        reads.append((self, number))
        return real(self, number, rows)

    monkeypatch.setattr(PixelReader, "read", counted)
    for i in range(21):
        faces[i]
    assert len(reads) == len(set(reads)) == 2 * 6  # image and region, six chunks of four rows


def test_a_pickled_dataset_reads_the_same(faces: faceshards.Dataset) -> None:
    copy = pickle.loads(pickle.dumps(faces))  # noqa: S301 (our own bytes)
    np.testing.assert_array_equal(copy[7]["image"], faces[7]["image"])
    restricted = faceshards.open(faces.store.path, "val", fields=["region"])
    assert list(pickle.loads(pickle.dumps(restricted))[0]) == ["region"]  # noqa: S301


def test_it_says_what_it_holds(faces: faceshards.Dataset) -> None:
    text = repr(faces)
    assert "split='train': 21 faces, 5 identities" in text
    assert "image" in text
    assert faces.num_identities == IDENTITIES
    assert faces.num_variants == VARIANTS
    assert faces.identities.tolist() == TRAIN["identity"].tolist()
    assert faces.region_names[1] == "right_cheek"


def test_wrong_arguments_are_named(faces: faceshards.Dataset, path: Path, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="no split 'test'; it has: train, val"):
        faceshards.open(path, split="test")
    with pytest.raises(ParamsError, match="no field depth; it has: sample_id, identity, label, image"):
        faceshards.open(path, fields=["depth"])
    for some in (["depth"], []):
        with pytest.raises(ParamsError, match="field"):
            faces.batches(2, fields=some)
    for single in (lambda: faceshards.open(path, fields="image"), lambda: faces.batches(2, fields="image")):
        with pytest.raises(ParamsError, match=r"such as \['image'\]; found 'image'"):
            single()
    with pytest.raises(ParamsError, match="batch_size"):
        faces.batches(0)
    for options in ({"threads": -1}, {"prefetch": -1}, {"prefetch": 0}):
        with pytest.raises(ParamsError, match=f"{min(options)} must be [01] or more, found"):
            faces.batches(4, **options)
    with pytest.raises(ParamsError, match="unknown view"):
        faces.batches(2, view="erased")  # type: ignore[arg-type]
    with pytest.raises(ParamsError, match="seed must be 0 or more, found -1"):
        faces.batches(2, shuffle=True, seed=-1)
    with pytest.raises(StoreFormatError):
        faceshards.open(tmp_path)


def test_samples_that_dropped_out_are_passed_over(tmp_path: Path) -> None:
    spec = StoreSpec("aligned", "CC0-1.0", (ArraySpec("pixels", "uint8", (2,), ("x",)),), {"all": SplitSpec(3)}, 2, 2)
    create(tmp_path, spec)
    status = [OK, SKIPPED, OK]
    for shard in range(2):
        start, stop = spec.shard_range("all", shard)
        rows = [
            {"sample_id": f"s{i}", "source_id": "", "identity": -1, "status": status[i]} for i in range(start, stop)
        ]
        table = face_spec().rows_schema.empty_table().select(spec.rows_schema.names).from_pylist(rows, spec.rows_schema)
        images = np.repeat(np.arange(start, stop, dtype=np.uint8)[:, None], 2, axis=1)
        write_shard(tmp_path, spec, "all", shard, {"pixels": images}, table)
    finish(tmp_path, spec, {})
    faces = faceshards.open(tmp_path, split="all")
    assert len(faces) == 2
    assert faces[:]["sample_id"].tolist() == ["s0", "s2"]
    assert faces[:]["pixels"].tolist() == [[0, 0], [2, 2]]
    assert faces.num_identities == 0
    views: tuple[View, ...] = ("variants", "all_variants")
    for view in views:
        with pytest.raises(ParamsError, match="holds no variants"):
            faces.take([0], view=view)


@pytest.mark.parametrize("store", ["data/shards", None, 3])
def test_a_dataset_is_made_by_open(store: Any) -> None:
    with pytest.raises(ParamsError, match=r"faceshards\.open\(path, split\)"):
        faceshards.Dataset(store, "train")


def test_what_cannot_be_opened_is_told_in_words(path: Path) -> None:
    for given in (None, 3, ["data/shards"]):
        with pytest.raises(ParamsError, match="path is the folder or URL"):
            faceshards.open(given)  # type: ignore[arg-type]
    with pytest.raises(StoreFormatError, match=r"manifest\.parquet is a file"):
        faceshards.open(path / "manifest.parquet")
    with pytest.raises(ParamsError, match="split is the name of one split"):
        faceshards.open(path, ["train"])  # type: ignore[arg-type]
    with pytest.raises(ParamsError, match=r"cache is a faceshards\.Cache"):
        faceshards.open(path, cache="/tmp/x")  # type: ignore[arg-type]
    with pytest.raises(ParamsError, match="max_bytes must be"):
        faceshards.Cache(max_bytes="50GB")  # type: ignore[arg-type]
    with pytest.raises(ParamsError, match="a transform is no view"):
        faceshards.open(path, view=lambda image: image)  # type: ignore[arg-type]

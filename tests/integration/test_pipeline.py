from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_pipeline import download_and_plan, run_pipeline

import faceshards
from faceshards import rng
from faceshards.build.align import align_faces
from faceshards.build.erase import erase_faces
from faceshards.build.params import Params
from faceshards.errors import TooManySkippedError
from faceshards.maps import pixels_of
from faceshards.ops.choice import RegionChoice
from faceshards.ops.erase import erase
from faceshards.store.reader import Store
from faceshards.store.verify import verify


def test_every_face_of_the_source_is_in_the_manifest_and_every_shard_verifies(small_run: Path) -> None:
    manifest = Store.open(small_run / "shards").manifest
    assert sorted(manifest["sample_id"].to_pylist()) == [f"{i:06d}" for i in range(10)]
    assert set(manifest["status"].to_pylist()) == {"ok"}
    assert verify(small_run / "shards").problems == ()


def test_identities_do_not_cross_splits_and_training_classes_are_contiguous(small_run: Path) -> None:
    train, val = (faceshards.open(small_run / "shards", split=split) for split in ("train", "val"))
    assert sorted(set(train.identities)) == list(range(len(set(train.identities))))
    assert not set(train.identities) & set(val.identities)
    assert len(train) + len(val) == 10


def test_a_variant_can_be_made_again_from_what_the_store_says_of_it(
    small_run: Path, small_params: Callable[..., Params]
) -> None:
    params = small_params().erase
    faces = faceshards.open(small_run / "shards").take(range(4), view="all_variants")
    choice = RegionChoice.of(params.n_regions, params.classes, params.min_area)
    for k in range(params.variants):
        keys = rng.fold(rng.sample_keys(faces["sample_id"]), params.seed, k)
        masks, _ = choice.draw(keys, faces["region"])
        assert np.array_equal(masks, faces["erased"][:, k])
        gone = pixels_of(faces["region"], faces["erased"][:, k])
        variant = erase(faces["image"], faces["region"], gone, keys, params.fill)
        assert np.array_equal(variant, faces["variant"][:, k])


def test_a_mean_fill_is_the_mean_of_the_data_set(
    small_params: Callable[..., Params], small_run: Path, tmp_path: Path
) -> None:
    params = small_params()
    params = replace(params, erase=replace(params.erase, fill="mean"))
    shards = run_pipeline(params, tmp_path / "data")
    images = np.concatenate([faceshards.open(shards, split=s)[:]["image"] for s in ("train", "val")])
    recorded = Store.open(shards).info["provenance"]["erase"]["fill"]
    assert np.abs(images.mean(axis=(0, 1, 2)) - recorded).max() <= 0.5


def test_truth_can_take_the_place_of_the_parser(
    small_params: Callable[..., Params], small_run: Path, tmp_path: Path
) -> None:
    params = small_params()
    params = replace(params, erase=replace(params.erase, regions="truth"))
    shards = run_pipeline(params, tmp_path / "data")
    aligned = Store.open(small_run / "aligned")
    for split in ("train", "val"):
        assert np.array_equal(Store.open(shards).read(split, "region"), aligned.read(split, "truth"))


def test_a_store_of_maps_alone_has_those_of_the_whole_one(
    small_params: Callable[..., Params], small_run: Path, tmp_path: Path
) -> None:
    params = small_params()
    alone = replace(params.erase, variants=0, images=False)
    erase_faces(small_run / "aligned", small_run / "parsed", tmp_path / "maps", alone, params.store, params.run)
    maps, whole = (faceshards.open(store, split="train") for store in (tmp_path / "maps", small_run / "shards"))
    assert list(Store.open(tmp_path / "maps").arrays) == ["region", "identity", "usable"]
    ids = whole[:]["sample_id"]
    assert np.array_equal(maps.regions(ids), whole.regions(ids))
    assert verify(tmp_path / "maps").ok


def test_a_store_without_variants_has_the_faces_and_erases_as_it_goes(
    small_params: Callable[..., Params], small_run: Path, tmp_path: Path
) -> None:
    params = small_params()
    none = replace(params.erase, variants=0)
    erase_faces(small_run / "aligned", small_run / "parsed", tmp_path / "faces", none, params.store, params.run)
    faces = faceshards.open(tmp_path / "faces", split="train", view="erase")
    assert list(faces.store.arrays) == ["image", "region", "identity", "usable"]
    assert faces.num_variants == 0
    assert (faces[:]["image"] != faceshards.open(small_run / "shards", split="train")[:]["image"]).any()
    assert verify(tmp_path / "faces").ok


def test_a_source_of_which_too_much_drops_out_fails_with_the_reasons(
    small_params: Callable[..., Params], small_run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "people" / "someone"
    folder.mkdir(parents=True)
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(b"\x89PNG\r\n\x1a\nnot a picture")
    params = small_params()
    params = replace(params, source=replace(params.source, path=str(folder.parent)))
    data = tmp_path / "data"
    download_and_plan(params, data)
    with pytest.raises(TooManySkippedError, match=r"2 of 2 faces dropped out \(unknown_image_format 2\)") as refused:
        align_faces(data / "source", data / "plan", data / "aligned", params.align, params.store, params.run)
    assert ": unknown_image_format: people/someone/" in str(refused.value)
    assert not (tmp_path / "data/aligned").exists()

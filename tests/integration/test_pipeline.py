from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_pipeline import PINNED, digest, run_pipeline

import faceshards
from faceshards import rng
from faceshards.build.align import align_faces
from faceshards.build.download import make_source
from faceshards.build.erase import erase_faces
from faceshards.build.params import Params, RunParams
from faceshards.errors import ParamsError, TooManySkippedError
from faceshards.maps import pixels_of
from faceshards.ops.choice import RegionChoice
from faceshards.ops.erase import erase
from faceshards.store.reader import Store
from faceshards.store.verify import verify


def test_every_face_of_the_source_is_in_the_manifest_and_every_shard_verifies(small_run: Path) -> None:
    manifest = Store.open(small_run / "shards").manifest
    assert manifest["sample_id"].to_pylist() == [f"{i:06d}" for i in range(10)]
    assert set(manifest["status"].to_pylist()) == {"ok"}
    assert verify(small_run / "shards").problems == ()


def test_one_worker_and_two_write_the_same_bytes(
    small_params: Callable[..., Params], small_run: Path, tmp_path: Path
) -> None:
    run_pipeline(small_params(RunParams(workers=2)), tmp_path / "data")
    assert digest(tmp_path / "data") == digest(small_run)


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
    manifest = Store.open(shards).manifest
    truth = Store.open(small_run / "aligned").read("all", "truth")
    for split in ("train", "val"):
        rows = manifest.filter([s == split for s in manifest["split"].to_pylist()]).sort_by("row")
        assert np.array_equal(faceshards.open(shards, split=split)[:]["region"], truth[rows["source_index"]])


def test_a_first_split_without_people_is_refused_with_what_to_change(
    small_params: Callable[..., Params], small_run: Path, tmp_path: Path
) -> None:
    params = small_params()
    erase = replace(params.erase, splits={"train": 1e-6, "val": 1 - 1e-6})
    with pytest.raises(ParamsError, match=r"none of the people of 10 faces went to train.* another erase\.seed"):
        erase_faces(small_run / "aligned", small_run / "parsed", tmp_path / "s", erase, params.store, params.run)


def test_a_source_of_which_too_much_drops_out_fails_with_the_reasons(
    small_params: Callable[..., Params], small_run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "people" / "someone"
    folder.mkdir(parents=True)
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(b"\x89PNG\r\n\x1a\nnot a picture")
    params = small_params()
    params = replace(params, source=replace(params.source, path=str(folder.parent)))
    make_source(params.source, params.run, tmp_path / "data/source", PINNED)
    with pytest.raises(TooManySkippedError, match=r"2 of 2 faces dropped out \(unknown_image_format 2\)") as refused:
        align_faces(tmp_path / "data/source", tmp_path / "data/aligned", params.align, params.store, params.run)
    assert "The first was someone/a: unknown_image_format: " in str(refused.value)
    assert not (tmp_path / "data/aligned").exists()

"""Nothing decides the bytes but code, params and inputs; and each of these does."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from image_files import encode, noise
from small_pipeline import digest, download_and_plan, run_pipeline

from faceshards.build import provenance
from faceshards.build.align import AlignTask, align_faces
from faceshards.build.params import Params, RunParams
from faceshards.build.parse import SAME_BF16, ParseTask, _loaded, parse_faces
from faceshards.errors import SourceFormatError, WeightsError
from faceshards.parsing.weights import load_weights, save_weights
from faceshards.store.durable import sha256_of
from faceshards.store.reader import Store


def test_builds_of_torch_for_cuda_and_for_the_cpu_write_the_same_bytes_with_one_worker_and_with_two(
    small_params: Callable[..., Params],
    small_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release, _, build = version("torch").partition("+")
    tag = f"{release}+{'cpu' if build.startswith('cu') else 'cu130'}"
    monkeypatch.setattr(torch, "__version__", tag)
    monkeypatch.setattr(provenance, "version", lambda name: tag if name == "torch" else version(name))
    run_pipeline(small_params(RunParams(workers=2)), tmp_path / "data")
    assert digest(tmp_path / "data") == digest(small_run)
    for info in (Store.open(tmp_path / "data" / name).info for name in ("parsed", "shards")):
        assert info["provenance"]["parse"]["torch"] == info["provenance"]["versions"]["torch"] == release


def test_faces_are_parsed_without_amx_unless_its_user_says_otherwise(
    small_params: Callable[..., Params], small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, value = SAME_BF16
    params = small_params()

    def run(out: Path) -> object:
        return parse_faces(small_run / "aligned", out, params.parse, params.store, params.run)

    monkeypatch.delenv(name)
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "ANY")
    _loaded.cache_clear()
    run(tmp_path / "parsed")
    assert os.environ[name] == value
    assert os.environ["ONEDNN_DEFAULT_FPMATH_MODE"] == "STRICT"
    monkeypatch.setenv(name, "DEFAULT")
    _loaded.cache_clear()
    run(tmp_path / "other")
    assert os.environ[name] == "DEFAULT"
    keys = [{path.name for path in (tmp_path / ".work/kept" / out).iterdir()} for out in ("parsed", "other")]
    assert not keys[0] & keys[1]


class Stopped(Exception):
    """Somebody stopped the run."""


@pytest.fixture
def stopped_before_the_second_shard(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs a stage, of which only the first shard gets made."""

    def stopped(task: type[Any], run: Callable[[], object]) -> None:
        whole = task.run

        def first_only(self: Any, advance: Callable[[int], object]) -> None:
            if self.shard:
                raise Stopped
            whole(self, advance)

        with monkeypatch.context() as patched:
            patched.setattr(task, "run", first_only)
            with pytest.raises(Stopped):
                run()

    return stopped


def of_a_folder(params: Params, folder: Path) -> Params:
    return replace(params, source=replace(params.source, path=str(folder)), store=replace(params.store, shard_rows=2))


def pictures(folder: Path) -> list[Path]:
    """Aligned faces of four people."""
    paths = [folder / name / "1.png" for name in ("ann", "bob", "cid", "dan")]
    for seed, path in enumerate(paths):
        path.parent.mkdir(parents=True)
        path.write_bytes(encode(noise(112, 112, seed=seed)))
    return paths


def align(params: Params, data: Path) -> Store:
    align_faces(data / "source", data / "plan", data / "aligned", params.align, params.store, params.run)
    return Store.open(data / "aligned")


def test_a_picture_that_was_replaced_since_it_was_planned_is_refused(
    small_params: Callable[..., Params], stopped_before_the_second_shard: Callable[..., None], tmp_path: Path
) -> None:
    replaced = pictures(tmp_path / "faces")[0]
    params = of_a_folder(small_params(), tmp_path / "faces")
    download_and_plan(params, tmp_path / "data")
    stopped_before_the_second_shard(AlignTask, lambda: align(params, tmp_path / "data"))
    replaced.write_bytes(encode(noise(112, 112, seed=9)))
    with pytest.raises(SourceFormatError, match=r"ann/1.* as it was when the stage plan ran"):
        align(params, tmp_path / "data")


def test_a_stopped_align_does_not_go_on_onto_a_picture_that_was_replaced(
    small_params: Callable[..., Params], stopped_before_the_second_shard: Callable[..., None], tmp_path: Path
) -> None:
    paths = pictures(tmp_path / "faces")
    params = of_a_folder(small_params(), tmp_path / "faces")
    download_and_plan(params, tmp_path / "data")
    stopped_before_the_second_shard(AlignTask, lambda: align(params, tmp_path / "data"))
    for seed, path in enumerate(paths, 10):
        path.write_bytes(encode(noise(112, 112, seed=seed)))
    download_and_plan(params, tmp_path / "data")
    store = align(params, tmp_path / "data")
    expected = {path.parent.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    rows = store.manifest.to_pylist()
    assert {row["identity_name"]: row["source_sha256"] for row in rows} == expected
    for row in rows:
        image = store.read(row["split"], "image", row["row"], row["row"] + 1)[0]
        assert np.array_equal(image, noise(112, 112, seed=10 + sorted(expected).index(row["identity_name"])))


def test_a_stopped_align_goes_on_where_nothing_changed(
    small_params: Callable[..., Params], stopped_before_the_second_shard: Callable[..., None], tmp_path: Path
) -> None:
    params = small_params()
    download_and_plan(params, tmp_path / "data")
    stopped_before_the_second_shard(AlignTask, lambda: align(params, tmp_path / "data"))
    before = {path.stat().st_ino for path in (tmp_path / "data/.work/kept/aligned").glob("*/image")}
    align(params, tmp_path / "data")
    assert before
    assert before <= {path.stat().st_ino for path in (tmp_path / "data/aligned").rglob("image/c.*")}


def test_a_stopped_parse_does_not_go_on_with_other_weights_at_the_same_path_nor_does_a_worker_that_lives_on(
    small_params: Callable[..., Params],
    small_run: Path,
    stopped_before_the_second_shard: Callable[..., None],
    tmp_path: Path,
) -> None:
    params = small_params()
    weights = tmp_path / "w.safetensors"
    network = load_weights().network
    save_weights(network, weights, {})
    parse = replace(params.parse, weights=str(weights))

    def run(out: Path) -> object:
        return parse_faces(small_run / "aligned", out, parse, params.store, params.run)

    stopped_before_the_second_shard(ParseTask, lambda: run(tmp_path / "data/parsed"))
    with torch.no_grad():
        network.final.bias[0] += 100  # all is background
    save_weights(network, weights, {})
    run(tmp_path / "data/parsed")
    parsed = Store.open(tmp_path / "data/parsed")
    assert not any(parsed.read(split, "region").any() for split in parsed.splits)
    assert parsed.info["provenance"]["parse"]["weights_sha256"] == sha256_of(weights)


def test_weights_that_are_replaced_while_faces_are_parsed_are_an_error_that_names_them(
    small_params: Callable[..., Params], small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = small_params()
    weights = tmp_path / "w.safetensors"
    network = load_weights().network
    save_weights(network, weights, {})

    def replaced(*_: object, **__: object) -> int:
        save_weights(network, weights, {"step": "2"})
        return 1

    monkeypatch.setattr("faceshards.build.parse.threads_per_worker", replaced)
    parse = replace(params.parse, weights=str(weights), precision="fp32", device="auto")
    with pytest.raises(WeightsError, match=rf"expected {weights} with SHA-256 .*; found {weights} with SHA-256"):
        parse_faces(small_run / "aligned", tmp_path / "parsed", parse, params.store, params.run)
    assert not (tmp_path / "parsed").exists()

"""Nothing decides the bytes but code, params and inputs; and each of these does."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from image_files import encode, noise
from small_pipeline import PINNED, digest, run_pipeline

from faceshards.build import provenance
from faceshards.build.align import AlignTask, align_faces
from faceshards.build.download import make_source
from faceshards.build.params import Params, RunParams
from faceshards.build.parse import ParseTask, _parser, parse_faces
from faceshards.parsing.weights import load_weights, save_weights
from faceshards.store.reader import Store


@pytest.mark.parametrize("workers", [1, 2])
def test_a_build_of_torch_for_cuda_and_one_for_the_cpu_write_the_same_bytes(
    workers: int, small_params: Callable[..., Params], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = version("torch").partition("+")[0]
    made = []
    for build in ("cpu", "cu130"):
        tag = f"{release}+{build}"
        monkeypatch.setattr(torch, "__version__", tag)
        monkeypatch.setattr(provenance, "version", lambda name, tag=tag: tag if name == "torch" else version(name))
        run_pipeline(small_params(RunParams(workers=workers)), tmp_path / build)
        made.append(digest(tmp_path / build))
    assert made[0] == made[1]
    assert "parsed/dataset.json" in made[0]
    for info in (Store.open(tmp_path / "cpu" / name).info for name in ("parsed", "shards")):
        assert info["provenance"]["parse"]["torch"] == info["provenance"]["versions"]["torch"] == release


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


def test_a_stopped_align_does_not_go_on_onto_a_picture_that_was_replaced(
    small_params: Callable[..., Params], stopped_before_the_second_shard: Callable[..., None], tmp_path: Path
) -> None:
    pictures = [tmp_path / f"faces/{name}/1.png" for name in ("ann", "bob", "cid", "dan")]
    for seed, picture in enumerate(pictures):
        picture.parent.mkdir(parents=True)
        picture.write_bytes(encode(noise(112, 112, seed=seed)))
    params = of_a_folder(small_params(), tmp_path / "faces")
    source, out = tmp_path / "data/source", tmp_path / "data/aligned"
    make_source(params.source, params.run, source, PINNED)

    def align() -> object:
        return align_faces(source, out, params.align, params.store, params.run)

    stopped_before_the_second_shard(AlignTask, align)
    new = noise(112, 112, seed=9)
    pictures[0].write_bytes(encode(new))
    align()
    store = Store.open(out)
    assert np.array_equal(store.read("all", "image")[0], new)
    assert store.manifest["source_sha256"].to_pylist() == [
        hashlib.sha256(picture.read_bytes()).hexdigest() for picture in pictures
    ]


def test_a_stopped_align_goes_on_where_nothing_changed(
    small_params: Callable[..., Params], stopped_before_the_second_shard: Callable[..., None], tmp_path: Path
) -> None:
    params = small_params()
    source, out = tmp_path / "data/source", tmp_path / "data/aligned"
    make_source(params.source, params.run, source, PINNED)

    def align() -> object:
        return align_faces(source, out, params.align, params.store, params.run)

    stopped_before_the_second_shard(AlignTask, align)
    (shard,) = (tmp_path / "data/.work").glob("aligned-*/all.zarr/image/c.0.*")
    before = shard.stat().st_ino
    align()
    assert (out / shard.relative_to(shard.parents[2])).stat().st_ino == before


def test_a_stopped_parse_does_not_go_on_with_other_weights_at_the_same_path(
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
    _parser.cache_clear()  # the run that was stopped had a process of its own
    run(tmp_path / "data/parsed")
    assert not Store.open(tmp_path / "data/parsed").read("all", "region").any()

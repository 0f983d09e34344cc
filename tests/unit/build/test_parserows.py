import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from parsers import tiny_weights
from stores import arrays_of, build_faces, face_spec

from faceshards.build.gpus import AT_ONCE
from faceshards.build.params import RunParams
from faceshards.build.parserows import parse_rows
from faceshards.build.shards import run_tasks, threads_per_worker
from faceshards.parsing import load_parser
from faceshards.parsing.certainty import Parsed
from faceshards.parsing.deviceparser import DeviceParser
from faceshards.parsing.replay import Making
from faceshards.parsing.weights import load_weights
from faceshards.records import UInt8Array
from faceshards.store.reader import Store

ROWS = 11


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("aligned")
    images = tuple(array for array in arrays_of(112) if array.name in ("image", "identity"))
    spec = face_spec({"train": ROWS}, shard_rows=12, chunk_rows=4, arrays=images, profile="fast")
    return Store.open(build_faces(folder / "work", folder / "faces", spec))


class Recording:
    """Somebody else's network: finds region 7 everywhere, and notes how many faces it was given."""

    def __init__(self, device: str) -> None:
        self.provenance = {"device": device}
        self.given: list[int] = []

    def assess(self, images: UInt8Array) -> Parsed:
        self.given.append(len(images))
        regions = np.full(images.shape[:3], 7, np.uint8)
        return Parsed(regions, regions, None)


@pytest.mark.parametrize(("device", "given"), [("cpu", [4, 4, 3]), ("cuda", [ROWS])])
def test_other_peoples_networks_get_chunks_on_the_cpu_and_many_of_them_at_once_on_a_gpu(
    faces: Store, device: str, given: list[int]
) -> None:
    parser = Recording(device)
    found = parse_rows(faces, "train", (0, ROWS), np.ones(ROWS, np.bool_), parser)
    assert parser.given == given
    assert (found.regions == 7).all()


@pytest.mark.parametrize("readers", [1, 3])
def test_both_parsers_put_the_same_regions_and_confidence_into_the_same_rows(
    faces: Store, tmp_path: Path, readers: int
) -> None:
    weights = tiny_weights(tmp_path)
    cpu = load_parser(weights, "cpu", precision="fp32", mirror=False)
    gpu = DeviceParser(load_weights(weights), torch.device("cpu"), torch.float32, False, Making(batch=3))
    usable = np.array([1, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0], np.bool_)  # a chunk without any, and one that is not full
    steps: list[int] = []
    one = parse_rows(faces, "train", (0, ROWS), usable, cpu, readers)
    other = parse_rows(faces, "train", (0, ROWS), usable, gpu, readers, steps.append)
    assert np.array_equal(one.regions, other.regions)
    assert (one.regions[~usable] == 255).all()
    assert np.array_equal(one.regions[usable], cpu.parse(faces.read("train", "image", 0, ROWS)[usable]))
    at = np.arange(ROWS)
    assert one.sureness.columns(at) == other.sureness.columns(at)
    assert one.sureness.columns(at)["confidence"].is_valid().to_pylist() == usable.tolist()
    assert sum(steps) == ROWS


def test_rows_without_a_usable_face_are_never_parsed(faces: Store) -> None:
    steps: list[int] = []
    none = np.zeros(3, np.bool_)
    found = parse_rows(faces, "train", (4, 7), none, Recording("cpu"), advance=steps.append)
    assert (found.regions == 255).all()
    assert sum(steps) == 3


@dataclass
class Together:
    """A task that ends only when as many others are at work as a GPU's worker is to have."""

    barrier: threading.Barrier
    done: list[int] = field(default_factory=list)
    faces: int = 2

    def run(self, advance: Callable[[int], object]) -> None:
        self.barrier.wait(10)
        advance(2)
        self.done.append(1)


def test_the_worker_of_one_gpu_makes_several_shards_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceshards.build.shards.gpu_count", lambda: 1)
    done: list[int] = []
    run_tasks([Together(threading.Barrier(AT_ONCE), done)] * (2 * AT_ONCE), RunParams(), "parse", gpu=True)
    assert len(done) == 2 * AT_ONCE


def test_after_a_task_that_fails_on_a_gpu_no_other_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceshards.build.shards.gpu_count", lambda: 1)
    begun: list[int] = []

    @dataclass
    class Bad:
        faces: int = 1

        def run(self, advance: Callable[[int], object]) -> None:
            begun.append(1)
            time.sleep(0.02)  # as a shard takes its time, in which the others can be called off
            raise ValueError("this shard cannot be made")

    with pytest.raises(ValueError, match="this shard cannot be made"):
        run_tasks([Bad() for _ in range(500)], RunParams(), "parse", gpu=True)
    assert len(begun) < 500


def test_the_tasks_of_all_gpus_share_out_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceshards.build.shards.gpu_count", lambda: 2)
    monkeypatch.setattr("os.cpu_count", lambda: 36)
    assert threads_per_worker(RunParams(), [2048] * 100, gpu=True) == 36 // (2 * AT_ONCE)
    assert threads_per_worker(RunParams(), [2048], gpu=True) == 36 // AT_ONCE
    assert threads_per_worker(RunParams(scheduler="tcp://host:8786"), [2048] * 100, gpu=True) == 1

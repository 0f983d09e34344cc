"""The order of a `Loader` does not depend on its workers, and an epoch may be interrupted."""

import gc
import json
import os
import threading
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from epochs import FACES, WORKERS_START
from stores import build_faces, face_arrays, face_spec

import faceshards
from faceshards import Shuffle
from faceshards.errors import ParamsError
from faceshards.loader.batches import Batches
from faceshards.loader.decoding import DecodeOptions
from faceshards.loader.memory import Pool
from faceshards.loader.sampling import Sampling

torch = pytest.importorskip("torch")

BATCH = 3
SHUFFLE = Shuffle(window=12, shards=2, lanes=2)

pytestmark = WORKERS_START


def loader(faces: faceshards.Dataset, workers: int = 0, **options: Any) -> faceshards.Loader:
    return faceshards.Loader(faces, BATCH, num_workers=workers, **{"shuffle": SHUFFLE, "seed": 5} | options)


def ids(found: Iterable[dict[str, Any]]) -> list[list[str]]:
    return [batch["sample_id"] for batch in found]


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_batches_come_in_the_same_order_from_any_number_of_workers(faces: faceshards.Dataset, workers: int) -> None:
    found = list(loader(faces, workers))
    expected = list(faces.batches(BATCH, shuffle=SHUFFLE, seed=5, epoch=0))
    assert ids(found) == [batch["sample_id"].tolist() for batch in expected]
    written = face_arrays("train", 0, FACES)["image"]
    for batch in found:
        rows = [int(name.split("-")[1]) for name in batch["sample_id"]]
        assert (batch["image"].numpy() == written[rows]).all()


@pytest.mark.parametrize(("before", "after"), [(0, 2), (2, 0), (2, 1), (1, 2), (2, 2)])
def test_an_epoch_goes_on_with_another_number_of_workers(faces: faceshards.Dataset, before: int, after: int) -> None:
    whole = ids(loader(faces, epoch=3))
    first = loader(faces, before)
    first.set_epoch(3)
    running = iter(first)
    seen = [next(running)["sample_id"] for _ in range(5)]
    state = json.loads(json.dumps(first.state_dict()))
    second = loader(faces, after)
    second.load_state_dict(state)
    second.set_epoch(3)
    assert seen + ids(second) == whole
    second.set_epoch(4)
    assert ids(second) == ids(loader(faces, epoch=4))


def test_who_does_not_count_epochs_gets_another_order_in_each(faces: faceshards.Dataset) -> None:
    uncounted = loader(faces)
    assert len(uncounted) == 14
    epochs = [ids(uncounted) for _ in range(2)]
    assert epochs == [ids(loader(faces, epoch=epoch)) for epoch in range(2)]
    assert epochs[0] != epochs[1]


def test_a_position_in_another_order_is_refused(faces: faceshards.Dataset) -> None:
    state = loader(faces).state_dict()
    with pytest.raises(ParamsError, match=r"saved position belongs to another order.*seed was 5, here 6"):
        loader(faces, seed=6).load_state_dict(state)
    begun = faces.batches(BATCH, shuffle=SHUFFLE, seed=5)
    next(begun)
    with pytest.raises(ParamsError, match="before the first batch"):
        begun.load_state_dict(state)


def memory_shared_with_workers() -> int:
    """Bytes, of this process, that are taken up."""
    mapped = [fd for fd in Path("/proc/self/fd").iterdir() if "memfd:faceshards" in os.path.realpath(fd)]
    return sum({(found := fd.stat()).st_ino: found.st_blocks * 512 for fd in mapped}.values())


@pytest.fixture(scope="module")
def many_faces(tmp_path_factory: pytest.TempPathFactory) -> faceshards.Dataset:
    root = tmp_path_factory.mktemp("many")
    spec = face_spec({"train": 1024}, shard_rows=256, chunk_rows=64)
    return faceshards.open(build_faces(root / "work", root / "out", spec), fields=["image"])


def test_a_batch_that_is_kept_keeps_no_memory_of_others(many_faces: faceshards.Dataset) -> None:
    gc.collect()
    before = memory_shared_with_workers()  # of other tests
    running = iter(faceshards.Loader(many_faces, 64, num_workers=1))
    kept = [next(running) for _ in range(12)]
    assert memory_shared_with_workers() - before > sum(batch["image"].nbytes for batch in kept)
    expected = kept[5]["image"].clone()
    del kept[6:], kept[:5], running
    assert memory_shared_with_workers() - before < 4 * expected.nbytes
    assert torch.equal(kept[0]["image"], expected)
    kept.clear()
    assert memory_shared_with_workers() == before


def test_the_loader_itself_keeps_no_batch(faces: faceshards.Dataset) -> None:
    running = iter(loader(faces, 1))
    batch = next(running)
    image = weakref.ref(batch.pop("image"))
    assert image() is None


def test_memory_is_asked_for_as_if_batches_were_no_larger_than_the_split(faces: faceshards.Dataset) -> None:
    needed = faces.batches(10**12, fields=["image"]).memory_needed()
    assert needed == faces[:]["image"].nbytes


def test_a_worker_in_order_has_memory_of_few_batches(many_faces: faceshards.Dataset) -> None:
    worker = DecodeOptions().in_worker(0, 2, in_order=True)
    split, view, fields = many_faces.bound()
    needed = Batches(split, Sampling(64), view, fields, worker, Pool()).memory_needed()
    assert needed <= 5 * many_faces[:64]["image"].nbytes


@pytest.mark.parametrize("how", ["refused", "unknown"])
def test_where_no_memory_can_be_shared_batches_go_through_pipes(
    faces: faceshards.Dataset, how: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(name: str) -> int:
        raise PermissionError("not in this sandbox")

    if how == "refused":
        monkeypatch.setattr(os, "memfd_create", refuse)
    else:
        monkeypatch.delattr(os, "memfd_create")
    assert ids(loader(faces, 2)) == ids(loader(faces))
    assert ("not in this sandbox" in caplog.text) == (how == "refused")


def test_workers_start_while_another_thread_works_out_an_order(
    faces: faceshards.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, end = threading.Event(), threading.Event()
    order = Sampling.order

    def slow_in_the_thread(sampling: Sampling, places: Any) -> Any:
        if threading.current_thread() is thread:
            begun.set()
            end.wait()
        return order(sampling, places)

    monkeypatch.setattr(Sampling, "order", slow_in_the_thread)
    thread = threading.Thread(target=lambda: next(faces.batches(BATCH)))
    thread.start()
    begun.wait()
    try:
        # Not through a list, which asks for the length.
        assert sum(1 for _ in loader(faces, 1, timeout=10)) == 14
    finally:
        end.set()
        thread.join()

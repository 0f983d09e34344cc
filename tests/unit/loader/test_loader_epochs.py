"""When an epoch of a `Loader` begins, and which one it is."""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import pytest
from epochs import BATCH, BATCHES, FACES, WORKERS_START, each_kind_of_worker, loader, numbered, seen
from stores import sample_id

import faceshards
from faceshards.errors import IteratorEndedError
from faceshards.loader.batches import Batches
from faceshards.loader.loader import Loader
from faceshards.store.chunkreader import ChunkReader

torch = pytest.importorskip("torch")
from faceshards.loader.tensors import Turn  # noqa: E402 (needs torch)

pytestmark = WORKERS_START


@each_kind_of_worker
def test_every_iteration_is_the_next_epoch_whole(faces: faceshards.Dataset, how: dict[str, Any]) -> None:
    running = loader(faces, **how)
    epochs = [seen(running) for _ in range(6)]
    assert [len(epoch) for epoch in epochs] == [FACES] * 6
    assert epochs == [numbered(faces, epoch) for epoch in range(6)]
    assert len({tuple(name for name, _ in epoch) for epoch in epochs}) == 6
    assert len({dict(epoch)[sample_id("train", 0)] for epoch in epochs}) > 1


@each_kind_of_worker
def test_an_iteration_that_is_not_exhausted_leaves_the_next_one_whole(
    faces: faceshards.Dataset, how: dict[str, Any]
) -> None:
    running = loader(faces, **how)
    assert len(running) == BATCHES
    for epoch in range(4):
        assert seen(islice(running, len(running))) == numbered(faces, epoch)


@each_kind_of_worker
def test_a_peek_begins_an_epoch_and_shortens_none(faces: faceshards.Dataset, how: dict[str, Any]) -> None:
    running = loader(faces, **how)
    assert seen([next(iter(running))]) == numbered(faces, 0)[:BATCH]
    assert seen(running) == numbered(faces, 1)
    assert len(list(islice(running, 3))) == 3
    assert seen(running) == numbered(faces, 3)


@each_kind_of_worker
def test_an_iteration_that_fails_before_its_first_batch_is_begun_again(
    faces: faceshards.Dataset, how: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = loader(faces)
    next(iter(first))
    running = loader(faces, **how)
    running.load_state_dict(first.state_dict())
    for fails in ((Loader, "_turns"), (Batches, "turn")):
        with monkeypatch.context() as patched:
            patched.setattr(*fails, no_files_left)
            with pytest.raises(OSError, match="too many open files"):
                next(iter(running))
        running._live = None  # workers that were forked meanwhile
        assert running.state_dict() == first.state_dict()
    assert seen(running) == numbered(faces, 0)[BATCH:]
    assert seen(running) == numbered(faces, 1)


def no_files_left(*_: Any) -> Any:
    raise OSError("too many open files")


@each_kind_of_worker
def test_an_iterator_that_nobody_reads_costs_no_epoch(faces: faceshards.Dataset, how: dict[str, Any]) -> None:
    running = loader(faces, **how)
    iter(running)
    kept = iter(running)
    assert seen(running) == numbered(faces, 0)
    assert seen(kept) == numbered(faces, 1)


@pytest.mark.parametrize("workers", [0, 2])
def test_two_iterators_at_once_do_not_disturb_each_other(faces: faceshards.Dataset, workers: int) -> None:
    running = loader(faces, num_workers=workers)
    first, second = iter(running), iter(running)
    turns = [(next(first), next(second)) for _ in range(3)]
    assert seen([a for a, _ in turns]) + seen(first) == numbered(faces, 0)
    assert seen([b for _, b in turns]) + seen(second) == numbered(faces, 1)


def test_persistent_workers_serve_one_iterator_and_the_other_says_so(faces: faceshards.Dataset) -> None:
    running = loader(faces, num_workers=2, persistent_workers=True)
    first = iter(running)
    next(first)
    assert seen(running) == numbered(faces, 1)
    with pytest.raises(IteratorEndedError, match=r"stood at batch 1 of 7 of epoch 0 .* without persistent_workers"):
        next(first)
    assert seen(running) == numbered(faces, 2)


def test_persistent_workers_that_are_broken_off_again_and_again_keep_their_memory(faces: faceshards.Dataset) -> None:
    running = loader(faces, num_workers=1, persistent_workers=True, view="original")
    held = [next(iter(running)) for _ in range(30)]
    assert seen(held) == [
        face for epoch in range(30) for face in seen(islice(loader(faces, epoch=epoch, view="original"), 1))
    ]
    assert seen(running) == seen(loader(faces, epoch=30, view="original"))


@each_kind_of_worker
def test_the_epoch_that_is_set_is_the_next_one(faces: faceshards.Dataset, how: dict[str, Any]) -> None:
    running = loader(faces, **how)
    for epoch in (4, 4, 0, 9):
        running.set_epoch(epoch)
        assert seen(running) == numbered(faces, epoch)
    assert seen(running) == numbered(faces, 10)
    running.sampler.set_epoch(2)
    assert seen(running) == numbered(faces, 2)


def test_the_epoch_may_be_set_between_making_an_iterator_and_reading_it(faces: faceshards.Dataset) -> None:
    running = loader(faces)
    waiting = iter(running)
    running.set_epoch(3)
    assert seen(waiting) == numbered(faces, 3)


@each_kind_of_worker
def test_an_evaluation_gives_the_same_every_time(faces: faceshards.Dataset, how: dict[str, Any]) -> None:
    in_order = loader(faces, shuffle=False, view="original", **how)
    assert seen(in_order) == seen(in_order) == seen(in_order)
    erased = loader(faces, epoch=3, **how)
    erased.set_epoch(8)
    assert seen(erased) == seen(erased) == numbered(faces, 3)
    assert erased.state_dict()["epoch"] == 3


def test_rounds_within_an_epoch_that_a_trainer_tells_are_unlike_every_epoch(faces: faceshards.Dataset) -> None:
    # As Lightning's CombinedLoader goes through the smaller of two loaders again and again.
    running = loader(faces)
    rounds = []
    for epoch in range(2):
        running.sampler.set_epoch(epoch)
        rounds += [seen(running) for _ in range(3)]
    assert rounds[0] == numbered(faces, 0)
    assert rounds[3] == numbered(faces, 1)
    assert len({tuple(found) for found in rounds}) == 6


def test_threads_share_a_loader_and_no_epoch_comes_twice(faces: faceshards.Dataset) -> None:
    running = loader(faces)
    with ThreadPoolExecutor(4) as threads:
        epochs = list(threads.map(lambda _: seen(running), range(4)))
    assert sorted(epochs) == sorted(numbered(faces, epoch) for epoch in range(4))


@pytest.mark.parametrize("workers", [0, 2])
def test_threads_share_an_iterator_and_each_batch_comes_once(faces: faceshards.Dataset, workers: int) -> None:
    running = iter(loader(faces, num_workers=workers))
    first = next(running)
    with ThreadPoolExecutor(4) as threads:
        parts = list(threads.map(lambda _: seen(running), range(4)))
    assert sorted([*seen([first]), *(face for part in parts for face in part)]) == sorted(numbered(faces, 0))


def test_workers_leave_torchs_global_seed_alone(faces: faceshards.Dataset) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    seen(loader(faces, num_workers=2))
    assert torch.equal(torch.rand(1), expected)


def test_an_iteration_may_be_left_while_the_thread_that_pins_waits_for_its_next_batch(
    faces: faceshards.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("faceshards.loader.tensors.pins", lambda _: True)
    monkeypatch.setattr(Turn, "pinned", lambda turn: turn)  # all but the copy, which needs a GPU
    read = ChunkReader._checked

    def slowly(*arguments: Any) -> Any:
        time.sleep(0.02)
        return read(*arguments)

    monkeypatch.setattr(ChunkReader, "_checked", slowly)
    running = loader(faces, num_workers=2, persistent_workers=True, timeout=20)
    for epoch in range(0, 16, 2):
        next(iter(running))
        assert seen(running) == numbered(faces, epoch + 1)

"""When an epoch of a `Loader` begins, which one it is, and where in it the trainer stands."""

import copy
import json
import multiprocessing
import pickle
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import pytest
from stores import build_faces, face_spec, sample_id

import faceshards
from faceshards.errors import IteratorEndedError, ParamsError

torch = pytest.importorskip("torch")

FACES, BATCH = 40, 6
BATCHES = 7
ERASE = faceshards.Erase(min_area=1)  # the stores' faces have 64 pixels

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*worker processes in total:UserWarning"),  # more than this machine has cores
]
each_kind_of_worker = pytest.mark.parametrize(
    "how",
    [{}, {"num_workers": 2}, {"num_workers": 2, "persistent_workers": True}],
    ids=["own", "workers", "persistent"],
)


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> faceshards.Dataset:
    root = tmp_path_factory.mktemp("store")
    return faceshards.open(build_faces(root / "work", root / "out", face_spec({"train": FACES})))


def loader(faces: faceshards.Dataset, **options: Any) -> faceshards.Loader:
    return faceshards.Loader(faces, BATCH, **{"shuffle": True, "view": ERASE, "seed": 5} | options)


def ids(batches: Iterable[dict[str, Any]]) -> list[str]:
    return [name for batch in batches for name in batch["sample_id"]]


def seen(batches: Iterable[dict[str, Any]]) -> list[tuple[str, bytes]]:
    """Who was seen, and how."""
    return [
        (name, image.numpy().tobytes())
        for batch in batches
        for name, image in zip(batch["sample_id"], batch["image"], strict=True)
    ]


def numbered(faces: faceshards.Dataset, epoch: int) -> list[tuple[str, bytes]]:
    """What an epoch must be."""
    return [
        (str(name), image.tobytes())
        for batch in faces.batches(BATCH, shuffle=True, view=ERASE, seed=5, epoch=epoch)
        for name, image in zip(batch["sample_id"], batch["image"], strict=True)
    ]


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


@each_kind_of_worker
@pytest.mark.parametrize("stopped", [0, 1, 4, BATCHES - 1])
def test_only_a_loaded_position_resumes(faces: faceshards.Dataset, how: dict[str, Any], stopped: int) -> None:
    first = loader(faces)
    seen(first)
    running = iter(first)
    before = seen(islice(running, stopped))
    state = json.loads(json.dumps(first.state_dict()))
    second = loader(faces, **how)
    second.load_state_dict(state)
    assert second.state_dict() == state
    second.set_epoch(1)
    assert len(second) == BATCHES
    assert before + seen(second) == numbered(faces, 1)
    assert seen(second) == numbered(faces, 2)


def test_another_epoch_that_is_set_takes_the_place_of_a_loaded_position(faces: faceshards.Dataset) -> None:
    first = loader(faces)
    next(iter(first))
    second = loader(faces)
    second.load_state_dict(first.state_dict())
    second.set_epoch(2)
    assert seen(second) == numbered(faces, 2)


@pytest.mark.parametrize("exhausted", [False, True])
def test_after_the_last_batch_the_position_is_the_start_of_the_next_epoch(
    faces: faceshards.Dataset, exhausted: bool
) -> None:
    first = loader(faces)
    running = iter(first)
    list(running if exhausted else islice(running, BATCHES))
    assert (first.state_dict()["epoch"], first.state_dict()["batches_done"]) == (1, 0)
    second = loader(faces)
    second.load_state_dict(first.state_dict())
    assert seen(second) == numbered(faces, 1)


def test_the_position_is_of_the_iterator_that_gave_the_last_batch(faces: faceshards.Dataset) -> None:
    running = loader(faces)
    training = iter(running)
    next(training)
    peek = iter(running)
    assert running.state_dict()["batches_done"] == 1, "one made ahead does not count while another is in its middle"
    next(peek)
    next(training)
    state = running.state_dict()
    assert (state["epoch"], state["batches_done"], state["next_epoch"]) == (0, 2, 2)
    resumed = loader(faces)
    resumed.load_state_dict(state)
    assert seen(resumed) == seen(training)
    assert seen(resumed) == seen(running) == numbered(faces, 2)


def test_an_iterator_that_takes_the_place_of_a_broken_off_one_is_where_the_trainer_is(
    faces: faceshards.Dataset,
) -> None:
    running = loader(faces)
    training = iter(running)
    next(training)
    training = iter(running)
    assert (running.state_dict()["epoch"], running.state_dict()["batches_done"]) == (1, 0)
    assert seen(training) == numbered(faces, 1)


def test_an_iterator_from_before_a_position_was_loaded_moves_it_no_more(faces: faceshards.Dataset) -> None:
    running = loader(faces)
    old = iter(running)
    next(old)
    state = running.state_dict()
    running.load_state_dict(state)
    next(old)
    assert running.state_dict() == state
    assert seen(running) == numbered(faces, 0)[BATCH:]


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


def test_a_position_in_a_later_round_is_kept_when_the_trainer_tells_its_epoch(faces: faceshards.Dataset) -> None:
    running = loader(faces)
    running.sampler.set_epoch(1)
    seen(running)
    second = iter(running)
    assert len(seen(islice(second, 2))) == 2 * BATCH
    resumed = loader(faces)
    resumed.load_state_dict(json.loads(json.dumps(running.state_dict())))
    resumed.sampler.set_epoch(1)
    assert seen(resumed) == seen(second)
    assert seen(resumed) == seen(running)


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


def test_a_fixed_epoch_refuses_a_position_in_another(faces: faceshards.Dataset) -> None:
    first = loader(faces)
    first.set_epoch(7)
    next(iter(first))
    with pytest.raises(ParamsError, match="in epoch 7; this loader has only epoch=3"):
        loader(faces, epoch=3).load_state_dict(first.state_dict())
    with pytest.raises(ParamsError, match="batch 99 of an epoch of 7"):
        loader(faces).load_state_dict(first.state_dict() | {"batches_done": 99})


def test_a_position_of_other_faces_or_another_order_is_refused(faces: faceshards.Dataset, tmp_path: Any) -> None:
    state = loader(faces).state_dict()
    for options in ({"seed": 6}, {"shuffle": False}, {"drop_last": True}, {"rank": 0, "world_size": 2}):
        with pytest.raises(ParamsError, match="belongs to another order of samples"):
            loader(faces, **options).load_state_dict(state)
    others = faceshards.open(build_faces(tmp_path / "work", tmp_path / "out", face_spec({"train": FACES + 1})))
    with pytest.raises(ParamsError, match="manifest_sha256"):
        loader(others).load_state_dict(state)
    with pytest.raises(ParamsError, match=r": seed was 5, here 6\. Use the options"):
        loader(faces, seed=6).load_state_dict(state)


def test_what_is_no_position_is_refused(faces: faceshards.Dataset) -> None:
    state = loader(faces).state_dict()
    for broken, why in (
        ({}, "this is no saved position.*lacks version"),
        ({"loader": state}, "this is no saved position"),
        (None, "found NoneType"),
        (state | {"batches_done": "3"}, "batches_done"),
        (state | {"epoch": -1}, "epoch"),
        (state | {"next_epoch": None}, "next_epoch"),
        (state | {"sampling": None}, "another order"),
        (faces.batches(BATCH, shuffle=True, seed=5).state_dict(), "saved by Dataset.batches"),
    ):
        with pytest.raises(ParamsError, match=why):
            loader(faces).load_state_dict(broken)  # type: ignore[arg-type]


def test_a_copy_goes_on_where_its_original_stands(faces: faceshards.Dataset) -> None:
    running = loader(faces, num_workers=1, persistent_workers=True)
    next(iter(running))
    for copied in (pickle.loads(pickle.dumps(running)), copy.deepcopy(running)):  # noqa: S301 (our own)
        assert seen(copied) == numbered(faces, 1)


def test_a_path_and_a_data_set_open_the_same(faces: faceshards.Dataset) -> None:
    by_path = faceshards.Loader(faces.store.path, BATCH, shuffle=True, view=ERASE, seed=5)
    assert seen(by_path) == numbered(faces, 0)
    assert by_path.dataset.split == "train"
    with pytest.raises(ParamsError, match=r"split='val'.* opened with 'train'"):
        faceshards.Loader(faces, BATCH, split="val")
    assert seen(faceshards.Loader(faceshards.open(faces.store.path, view=ERASE), BATCH, shuffle=True, seed=5)) == (
        numbered(faces, 0)
    )


@pytest.mark.parametrize(
    "options",
    [
        {"num_workers": -1},
        {"num_workers": 1.5},
        {"prefetch_factor": 0},
        {"persistent_workers": True},
        {"num_workers": 1, "timeout": -1},
        {"num_workers": 1, "multiprocessing_context": "thread"},
        {"epoch": -1},
        {"pin_memory": "no"},
        {"num_workers": 1, "persistent_workers": "no"},
        {"num_workers": 1, "timeout": True},
        {"split": ""},
        {"rank": 1},
        {"rank": 2, "world_size": 2},
        {"on_error": "ignore"},
        {"view": "erased"},
        {"fields": "image"},
        {"fields": ["depth"]},
        {"threads": -1},
    ],
    ids=str,
)
def test_a_wrong_argument_is_told_when_the_loader_is_made(faces: faceshards.Dataset, options: dict[str, Any]) -> None:
    with pytest.raises(ParamsError):
        loader(faces, **options)


@pytest.mark.parametrize("given", [None, 3, ["data/shards"], [1, 2]])
def test_what_is_no_data_set_is_told_in_words(given: Any) -> None:
    with pytest.raises(ParamsError, match=r"dataset is a path or URL of a store, or what faceshards\.open gave"):
        faceshards.Loader(given, BATCH)


def test_workers_start_by_a_context_as_well(faces: faceshards.Dataset) -> None:
    running = loader(faces, num_workers=1, multiprocessing_context=multiprocessing.get_context("fork"))
    assert seen(running) == numbered(faces, 0)


def test_a_loader_says_what_it_is(faces: faceshards.Dataset) -> None:
    assert repr(loader(faces)).endswith("view=Erase(" + repr(ERASE)[6:] + ", num_workers=0): 7 batches of 40 faces")


def test_nobody_else_samples_for_a_loader(faces: faceshards.Dataset) -> None:
    running = loader(faces)
    assert (len(running.sampler), len(running.batch_sampler)) == (FACES, BATCHES)
    with pytest.raises(ParamsError, match="ignore_data_skip=True"):
        list(running.batch_sampler)

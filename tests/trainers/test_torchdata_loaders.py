"""torchdata: `StatefulDataLoader` over the faces, and `nodes` over `faceshards.Loader`."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from marks import WORKERS
from visits import (
    BATCH,
    Seen,
    assert_each_face_once,
    assert_never_the_same_pixels_again,
    assert_whole_and_drawn_anew,
    by_the_numpy_door,
    epochs_of,
    train_faces,
    train_ids,
    train_loader,
    visits_of,
)

pytest.importorskip("torchdata", reason="torchdata is not installed")
from torchdata import nodes
from torchdata.stateful_dataloader import StatefulDataLoader

pytestmark = pytest.mark.filterwarnings("ignore:'set_vital' is deprecated")  # torchdata calls it


def seen(batches: Iterable[Any]) -> list[Seen]:
    return epochs_of([visit for batch in batches for visit in visits_of(batch, "train", 0)])[0]


def stateful(shards: Path, workers: int, **options: Any) -> tuple[Any, Any]:
    faces = train_faces(shards)
    return faces, StatefulDataLoader(faces, BATCH, shuffle=True, num_workers=workers, **options)


@WORKERS
def test_a_stateful_dataloader_has_whole_epochs_of_other_orders_and_other_pixels(shards: Path, workers: int) -> None:
    _, loader = stateful(shards, workers)
    epochs = {number: seen(loader) for number in range(3)}
    assert_whole_and_drawn_anew(epochs)


@WORKERS
def test_a_stateful_dataloader_goes_on_in_the_middle_of_an_epoch(shards: Path, workers: int) -> None:
    faces, loader = stateful(shards, workers)
    seen(loader)
    faces.set_epoch(1)
    batches = iter(loader)
    before = seen([next(batches), next(batches)])
    state = loader.state_dict()
    rest = seen(batches)

    faces, again = stateful(shards, workers)
    faces.set_epoch(1)
    again.load_state_dict(state)
    assert seen(again) == rest
    assert_each_face_once(before + rest, train_ids())


@pytest.mark.parametrize("options", [{}, {"persistent_workers": True}], ids=["new", "live"])
def test_after_set_epoch_the_pixels_follow_from_the_epoch_also_in_live_workers(
    shards: Path, options: dict[str, Any]
) -> None:
    faces, loader = stateful(shards, 2, **options)
    epochs = {}
    for number in (0, 1, 2):
        faces.set_epoch(number)
        epochs[number] = seen(loader)
        expected = dict(by_the_numpy_door_with_seed_0(shards, number))
        assert dict(epochs[number]) == expected
    assert_never_the_same_pixels_again(epochs)


def by_the_numpy_door_with_seed_0(shards: Path, epoch: int) -> list[Seen]:
    faces = train_faces(shards)
    return seen(faces.batches(BATCH, seed=0, epoch=epoch))


def wrapped(shards: Path, ahead: int, **options: Any) -> Any:
    node = nodes.IterableWrapper(train_loader(shards, **options))
    return nodes.Loader(nodes.Prefetcher(node, ahead) if ahead else node)


AHEAD = pytest.mark.parametrize("ahead", [0, 3], ids=["alone", "prefetched"])


@WORKERS
@AHEAD
def test_nodes_over_the_loader_give_epoch_after_epoch(shards: Path, workers: int, ahead: int) -> None:
    loader = wrapped(shards, ahead, num_workers=workers)
    epochs = {number: seen(loader) for number in range(3)}
    assert epochs == {number: by_the_numpy_door(shards, number) for number in range(3)}
    assert_never_the_same_pixels_again(epochs)


@AHEAD
@pytest.mark.parametrize("done", [0, 1, 4, 6], ids=lambda done: f"{done} of 6 batches")
def test_nodes_go_on_where_their_state_was_taken(shards: Path, ahead: int, done: int) -> None:
    loader = wrapped(shards, ahead)
    seen(loader)
    batches = iter(loader)
    before = [next(batches) for _ in range(done)]
    state = json.loads(json.dumps(loader.state_dict()))
    again = wrapped(shards, ahead)
    again.load_state_dict(state)
    if done < 6:
        assert (seen(before) if before else []) + seen(again) == by_the_numpy_door(shards, 1)
    assert seen(again) == by_the_numpy_door(shards, 2)


def test_the_state_of_an_epoch_that_has_not_given_a_batch_is_its_start_and_not_the_middle_of_the_last(
    shards: Path,
) -> None:
    loader = wrapped(shards, 0)
    next(iter(loader))  # epoch 0 is broken off
    iter(loader)
    state = loader.state_dict()
    again = wrapped(shards, 0)
    again.load_state_dict(state)
    assert seen(again) == by_the_numpy_door(shards, 1)

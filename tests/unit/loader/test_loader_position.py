"""Where in an epoch the trainer stands: saved, loaded in another loader, and refused where it does not belong."""

import copy
import json
import pickle
from itertools import islice
from typing import Any

import pytest
from epochs import BATCH, BATCHES, FACES, WORKERS_START, each_kind_of_worker, loader, numbered, seen
from stores import build_faces, face_spec

import faceshards
from faceshards.errors import ParamsError

pytest.importorskip("torch")

pytestmark = WORKERS_START


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
    spec = face_spec({"train": FACES}, chunk_rows=2)
    others = faceshards.open(build_faces(tmp_path / "work", tmp_path / "rechunked", spec))
    with pytest.raises(ParamsError, match=r": chunk_rows was 4, here 2\. Use the options"):
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

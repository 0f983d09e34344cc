"""Whatever the sizes: every sample once, the same order for any number of workers, and resuming changes nothing."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stores import build_faces

import faceshards
from faceshards.loader.batches import Batches
from faceshards.loader.decoding import DecodeOptions
from faceshards.loader.memory import Pool
from faceshards.loader.sampling import RowLayout, Sampling, Shuffle
from faceshards.loader.schedule import Schedule
from faceshards.loader.views import View

shuffles = st.one_of(
    st.just(False), st.just("full"), st.builds(Shuffle, st.integers(1, 60), st.integers(1, 3), st.integers(1, 5))
)


@st.composite
def layouts(draw: st.DrawFn) -> RowLayout:
    rows = draw(st.sets(st.integers(0, 200), max_size=80))
    chunk_rows = draw(st.integers(1, 9))
    return RowLayout(np.array(sorted(rows), np.int64), chunk_rows, chunk_rows * draw(st.integers(1, 4)))


@st.composite
def samplings(draw: st.DrawFn, **fixed: Any) -> Sampling:
    return Sampling(
        **{"batch_size": draw(st.integers(1, 9)), "shuffle": draw(shuffles), "seed": draw(st.integers(0, 9))} | fixed
    )


def of_all_ranks(where: RowLayout, world: int, sampling: Sampling, uneven: str) -> list[np.ndarray]:
    options = {"batch_size": sampling.batch_size, "shuffle": sampling.shuffle, "seed": sampling.seed}
    return [Sampling(**options, rank=r, world_size=world, uneven=uneven).order(where) for r in range(world)]


@given(layouts(), samplings(), st.integers(1, 5))
def test_ranks_lose_no_sample_and_show_none_twice(where: RowLayout, sampling: Sampling, world: int) -> None:
    n = len(where.rows)
    kept = of_all_ranks(where, world, sampling, "keep")
    assert sorted(np.concatenate(kept).tolist()) == list(range(n))
    assert max(map(len, kept)) - min(map(len, kept)) <= 1


@given(layouts(), samplings(), st.integers(1, 5))
def test_ranks_are_made_even_by_leaving_out_or_repeating_fewer_than_there_are_ranks(
    where: RowLayout, sampling: Sampling, world: int
) -> None:
    n = len(where.rows)
    dropped = of_all_ranks(where, world, sampling, "drop")
    assert {len(order) for order in dropped} == {n // world}
    assert len(set(np.concatenate(dropped).tolist())) == n // world * world
    padded = of_all_ranks(where, world, sampling, "pad")
    assert {len(order) for order in padded} == {-(-n // world)}
    assert set(np.concatenate(padded).tolist()) == set(range(n))


@given(layouts(), st.integers(1, 9), st.integers(1, 4), shuffles)
def test_a_schedule_serves_every_visit_once_and_in_time(
    where: RowLayout, batch_size: int, reach: int, shuffle: Any
) -> None:
    order = Sampling(batch_size, shuffle).order(where)
    chunks = where.rows[order] // where.chunk_rows
    schedule = Schedule(chunks, batch_size, reach)
    served: list[int] = []
    for batch in range(-(-len(order) // batch_size)):
        for task in schedule.tasks(batch):
            assert (chunks[task.visits] == task.chunk).all()
            assert task.visits.max() < (batch + reach) * batch_size
            served += task.visits.tolist()
        assert set(range(batch * batch_size, min((batch + 1) * batch_size, len(order)))) <= set(served)
    assert sorted(served) == list(range(len(order)))


@given(layouts(), st.integers(1, 6), st.integers(1, 60))
def test_with_lanes_the_workers_share_few_chunks(where: RowLayout, batch_size: int, window: int) -> None:
    sampling = Sampling(batch_size, Shuffle(window, 2, lanes=4))
    order = sampling.order(where)
    chunks = where.rows[order] // where.chunk_rows
    for workers in (2, 4):
        of_worker = np.arange(len(order)) // batch_size % workers
        decoded = sum(len(set(chunks[of_worker == w].tolist())) for w in range(workers))
        assert decoded <= len(set(chunks.tolist())) + 3  # a chunk at each border between lanes


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> faceshards.Dataset:
    root = tmp_path_factory.mktemp("store")
    return faceshards.open(build_faces(root / "work", root / "out"))


def batches_of(
    faces: faceshards.Dataset, sampling: Sampling, options: DecodeOptions, fields: list[str], view: View = "original"
) -> Batches:
    split, bound, names = faces.bound(fields, view)
    return Batches(split, sampling, bound, names, options, Pool())


def in_turns(faces: faceshards.Dataset, sampling: Sampling, workers: int, state: dict[str, Any] | None = None) -> Any:
    """Batches of ids as a DataLoader with so many workers hands them out."""

    def of(worker: int) -> Batches:
        batches = batches_of(faces, sampling, DecodeOptions(1, worker=(worker, workers)), ["sample_id"])
        if state is not None:
            batches.load_state_dict(json.loads(json.dumps(state)))
        return batches

    running = [of(worker) for worker in range(workers)]
    while True:
        for batches in running:
            batch = next(batches, None)
            if batch is None:
                return
            yield batch["sample_id"].tolist()


@given(samplings(epoch=2), st.integers(1, 4), st.integers(1, 4), st.data())
def test_an_interrupted_epoch_goes_on_where_it_stopped_with_any_number_of_workers(
    faces: faceshards.Dataset, sampling: Sampling, workers: int, others: int, data: st.DataObject
) -> None:
    whole = list(in_turns(faces, sampling, 1))
    assert list(in_turns(faces, sampling, workers)) == whole
    stopped = data.draw(st.integers(0, len(whole)))
    interrupted = batches_of(faces, sampling, DecodeOptions(1), ["sample_id"])
    before = [next(interrupted)["sample_id"].tolist() for _ in range(stopped)]
    after = list(in_turns(faces, sampling, others, interrupted.state_dict()))
    assert before + after == whole


@given(samplings(epoch=1), st.sampled_from(["image", "region", "erased"]))
def test_batches_hold_what_take_gives(faces: faceshards.Dataset, sampling: Sampling, field: str) -> None:
    views: tuple[View, ...] = ("original", "variants", "erase")
    for view in views:
        for batch in batches_of(faces, sampling, DecodeOptions(2, prefetch=2), ["sample_id", field], view):
            index = [int(name.split("-")[1]) for name in batch["sample_id"]]
            expected = faces.take(index, fields=[field], view=view, seed=sampling.seed, epoch=1)
            np.testing.assert_array_equal(batch[field], expected[field])

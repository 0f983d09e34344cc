"""Memory that workers fill and the trainer's process reads."""

import multiprocessing
import os
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import pytest

from faceshards.loader.handover import Handover, SharedArray, SharedPool

UINT8 = np.dtype(np.uint8)


@pytest.fixture
def handover() -> Handover:
    return Handover(2, 1 << 20)


def filled(memory: SharedPool, value: int, n: int = 1000) -> np.ndarray:
    array = memory.take((n,), UINT8)
    array[:] = value
    return array


def shared(memory: SharedPool, array: np.ndarray) -> SharedArray:
    place = memory.share(array)
    assert place is not None
    return place


def test_a_part_of_an_array_is_seen_where_it_lies(handover: Handover) -> None:
    memory = handover.memory_of(1)
    slab = memory.take((6, 5), np.dtype(np.int32))
    slab[:] = np.arange(30).reshape(6, 5)
    seen = handover.array_at(shared(memory, slab[2:4]))
    assert np.array_equal(seen, slab[2:4])
    slab[2, 0] = -1
    assert seen[0, 0] == -1


def test_memory_is_used_again_only_when_neither_process_looks_at_it(handover: Handover) -> None:
    memory = handover.memory_of(0)
    first = filled(memory, 1)
    address = first.ctypes.data
    places = [shared(memory, first[:10]), shared(memory, first[10:20])]
    seen = [handover.array_at(place) for place in places]
    assert filled(memory, 2).ctypes.data != address, "the worker still looks"
    del first
    assert filled(memory, 3).ctypes.data != address, "the trainer still looks at both"
    part = seen.pop()[3:5].reshape(2, 1)
    assert filled(memory, 4).ctypes.data != address
    del seen
    assert filled(memory, 5).ctypes.data != address, "the trainer still looks at a part"
    assert part.tolist() == [[1], [1]]
    del part
    assert filled(memory, 6).ctypes.data == address


def test_what_was_sent_and_not_yet_received_is_not_used_again(handover: Handover) -> None:
    memory = handover.memory_of(0)
    sent = shared(memory, filled(memory, 7))
    filled(memory, 8)
    assert (handover.array_at(sent) == 7).all()


def test_workers_have_memory_of_their_own(handover: Handover) -> None:
    arrays = [filled(handover.memory_of(worker), worker + 1) for worker in range(2)]
    assert [set(array.tolist()) for array in arrays] == [{1}, {2}]


def test_where_memory_runs_out_arrays_are_private(handover: Handover) -> None:
    memory = handover.memory_of(0)
    held = [filled(memory, i, 200_000) for i in range(7)]
    assert [memory.share(array) is None for array in held] == [False] * 5 + [True] * 2
    assert [int(array[-1]) for array in held] == list(range(7))


def test_only_contiguous_parts_of_its_own_arrays_have_a_place(handover: Handover) -> None:
    memory = handover.memory_of(0)
    array = memory.take((4, 4), UINT8)
    assert memory.share(array[:, :2]) is None
    assert memory.share(array[:0]) is None
    assert memory.share(np.zeros(4, np.uint8)) is None
    assert memory.share(handover.memory_of(1).take((4,), UINT8)) is None


def test_arrays_are_aligned_for_jax(handover: Handover) -> None:
    memory = handover.memory_of(1)
    arrays = [memory.take((size,), UINT8) for size in (1, 100, 64, 999)]
    assert [array.ctypes.data % 64 for array in arrays] == [0] * 4


def _fill_and_send(handover: Handover, to: Connection) -> None:
    memory = handover.memory_of(0)
    to.send(shared(memory, filled(memory, 9)))


@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
def test_another_process_sees_the_same_memory_however_it_is_started(handover: Handover, start: str) -> None:
    context: Any = multiprocessing.get_context(start)
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_fill_and_send, args=(handover, there))
    process.start()
    place = here.recv()
    process.join()
    assert (handover.array_at(place) == 9).all()


def test_arrays_outlive_the_handover(handover: Handover) -> None:
    short_lived = Handover(1, 4096)
    memory = short_lived.memory_of(0)
    seen = short_lived.array_at(shared(memory, filled(memory, 4)))
    del short_lived, memory
    assert (seen == 4).all()


def test_what_a_fork_of_the_trainer_drops_the_trainer_still_sees(handover: Handover) -> None:
    memory = handover.memory_of(0)
    address = (array := filled(memory, 1)).ctypes.data
    seen = [handover.array_at(shared(memory, array))]
    del array
    context: Any = multiprocessing.get_context("fork")
    process = context.Process(target=seen.clear)
    process.start()
    process.join()
    assert filled(memory, 2).ctypes.data != address
    assert (seen.pop() == 1).all()
    assert filled(memory, 3).ctypes.data == address


def test_trimming_takes_away_what_the_trainer_does_not_look_at(handover: Handover) -> None:
    memory = handover.memory_of(1)
    array = filled(memory, 6, 500_000)
    places = [shared(memory, part) for part in (array[:10], array[100_000:200_000], array[200_000:200_001])]
    seen = [handover.array_at(place) for place in places]
    del seen[0]
    handover.trim()
    assert all((part == 6).all() for part in seen)
    page = os.sysconf("SC_PAGESIZE")
    assert not array[: 100_000 - page].any()
    assert not array[200_001 + page :].any()
    del seen, array
    handover.trim()
    assert filled(memory, 7, 500_000).all(), "the memory is still there to be used"

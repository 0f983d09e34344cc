"""Whatever two processes take, hand over, keep and drop: nothing that one of them still looks at is overwritten."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from faceshards.loader.handover import Handover

steps = st.lists(st.tuples(st.sampled_from(["take", "send", "drop", "forget"]), st.integers(0, 99)), max_size=60)


@given(steps, st.integers(1, 9000))
def test_an_array_keeps_its_values_as_long_as_someone_looks(steps: list[tuple[str, int]], capacity: int) -> None:
    handover = Handover(1, capacity)
    memory = handover.memory_of(0)
    of_worker: list[tuple[int, np.ndarray]] = []
    of_trainer: list[tuple[int, np.ndarray]] = []
    for number, (step, which) in enumerate(steps):
        if step == "take":
            array = memory.take((100 + which % 3, 2), np.dtype(np.uint32))
            array[:] = number
            of_worker.append((number, array))
        elif step == "send" and of_worker:
            value, array = of_worker[which % len(of_worker)]
            if place := memory.share(array[which : which + 2]):
                of_trainer.append((value, handover.array_at(place)))
        elif step == "drop" and of_worker:
            of_worker.pop(which % len(of_worker))
        elif step == "forget" and of_trainer:
            of_trainer.pop(which % len(of_trainer))
        array = np.empty(0)
        for value, seen in of_worker + of_trainer:
            assert (seen == value).all()

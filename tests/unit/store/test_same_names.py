import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from faceshards.store import samenames
from faceshards.store.invariants import name_problems
from faceshards.store.samenames import repeated_name


def test_a_name_that_is_there_twice_is_found_in_whichever_parts_it_lies() -> None:
    assert repeated_name(lambda: [["a", "b"], ["c"]], 3) is None
    assert repeated_name(lambda: [["a", "b"], [], ["c", "b"]], 4) == "b"
    assert repeated_name(lambda: [["a", "c", "c"]], 3) == "c"
    assert repeated_name(lambda: [], 0) is None
    assert list(name_problems(lambda: [["a"], ["a"]], 2)) == ["sample_id is not unique: a is there twice"]


def test_names_that_have_one_key_by_chance_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samenames, "sample_keys", lambda names: np.array([len(name) for name in names], np.uint64))
    assert repeated_name(lambda: [["aa", "bb"], ["cc"]], 3) is None
    assert repeated_name(lambda: [["aa", "bb"], ["cc", "bb"]], 4) == "bb"


def test_it_takes_eight_bytes_a_name() -> None:
    count, part = 20_000, 500

    def names() -> Iterator[list[str]]:
        for start in range(0, count, part):
            yield [f"person-{number:09}/photograph-{number:09}" for number in range(start, start + part)]

    tracemalloc.start()
    assert repeated_name(names, count) is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * count + 400 * part

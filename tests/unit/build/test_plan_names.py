"""Finding names among millions is exact, also where two of them are drawn the same word, which no test can wait for."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceshards.build import nameindex
from faceshards.build.nameindex import NOWHERE, NameIndex

names = st.lists(st.text("abc", max_size=3), max_size=30)


def column(values: list[str]) -> pa.LargeStringArray:
    return pa.array(values, pa.large_string())


def coarse(names: pa.LargeStringArray, prefix: str, draw: Callable[..., object]) -> np.ndarray:
    """Words of one bit."""
    return np.array([len(name) % 2 for name in names.to_pylist()], np.uint64)


@pytest.fixture(params=["words as they are", "words of one bit"])
def words(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "words of one bit":
        monkeypatch.setattr(nameindex, "drawn", coarse)


@pytest.mark.usefixtures("words")
def test_names_are_found_where_they_are_and_nowhere_else() -> None:
    @given(names.map(lambda values: list(dict.fromkeys(values))), names)
    def holds(here: list[str], sought: list[str]) -> None:
        found = NameIndex(column(here), 0).find(NameIndex(column(sought), 0))
        assert found.tolist() == [here.index(name) if name in here else NOWHERE for name in sought]

    holds()


@pytest.mark.usefixtures("words")
def test_two_equal_names_are_found_if_there_are_any() -> None:
    @given(names)
    def holds(values: list[str]) -> None:
        twice = NameIndex(column(values), 0).repeated()
        if len(set(values)) == len(values):
            assert twice is None
        else:
            assert twice is not None
            assert twice[0] < twice[1]
            assert values[twice[0]] == values[twice[1]]

    holds()

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from faceshards.build.splits import place

SHARES = {"train": 0.7, "val": 0.2, "test": 0.1}
names = st.lists(st.sampled_from([None, *"abcdefghijklm"]), max_size=60)


@given(names, st.integers(0, 2**32))
def test_every_face_is_in_one_split_and_every_identity_too(identities: list, seed: int) -> None:
    ids = [str(i) for i in range(len(identities))]
    members, _ = place(ids, identities, SHARES, seed)
    assert sorted(np.concatenate(list(members.values())).tolist()) == list(range(len(ids)))
    people = [{identities[i] for i in rows} - {None} for rows in members.values()]
    assert sum(map(len, people)) == len(set().union(*people))


@given(names, st.integers(0, 2**32))
def test_class_ids_are_contiguous_from_the_first_split_on(identities: list, seed: int) -> None:
    members, numbers = place([str(i) for i in range(len(identities))], identities, SHARES, seed)
    assert [n == -1 for n in numbers] == [name is None for name in identities]
    expected = 0
    for rows in members.values():
        present = sorted(set(numbers[rows]) - {-1})
        assert present == list(range(expected, expected + len(present)))
        expected += len(present)


def test_a_face_keeps_its_split_when_others_come_and_go() -> None:
    def split_of(count: int) -> dict[str, str]:
        ids = [f"{i:06d}" for i in range(count)]
        members, _ = place(ids, [None] * count, SHARES, 3)
        return {ids[i]: split for split, rows in members.items() for i in rows}

    few, many = split_of(50), split_of(500)
    assert few == {k: many[k] for k in few}


def test_shares_are_kept() -> None:
    members, _ = place([str(i) for i in range(5000)], [None] * 5000, SHARES, 0)
    assert np.allclose([len(rows) / 5000 for rows in members.values()], list(SHARES.values()), atol=0.02)

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from faceshards.build.splits import place, shuffled

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


@given(st.lists(st.integers(), unique=True, max_size=40), st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_the_order_of_faces_is_that_of_their_ids_and_the_seed_whatever_the_source_gives(
    numbers: list, seed: int, random
) -> None:
    def order(ids: list[str]) -> list[str]:
        return [ids[i] for i in shuffled({"train": np.arange(len(ids))}, ids, seed)["train"]]

    ids = [str(number) for number in numbers]
    mixed = random.sample(ids, len(ids))
    assert order(mixed) == order(ids)
    few = mixed[::2]
    assert order(few) == [i for i in order(ids) if i in few]


def test_every_split_keeps_its_faces_and_every_seed_has_an_order_of_its_own() -> None:
    ids = [f"{i:04d}" for i in range(1000)]
    members = {"train": np.arange(0, 1000, 2), "val": np.arange(1, 1000, 2)}
    first, second = (shuffled(members, ids, seed) for seed in (0, 1))
    for split, rows in members.items():
        assert np.array_equal(np.sort(first[split]), rows)
        for order in (first, second):
            assert abs(np.corrcoef(order[split], rows)[0, 1]) < 0.15
        assert (first[split] == second[split]).mean() < 0.02

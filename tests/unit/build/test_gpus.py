from hypothesis import given
from hypothesis import strategies as st

from faceshards.build.gpus import gpu_bindings

NAMES = st.lists(st.one_of(st.integers(0, 15).map(str), st.uuids().map(lambda name: f"GPU-{name}")), unique=True)


def test_without_the_variable_the_gpus_are_numbered() -> None:
    assert gpu_bindings(4, None, 8) == ["0", "1", "2", "3"]


def test_names_that_the_user_gave_are_kept() -> None:
    assert gpu_bindings(2, "GPU-8932f937, MIG-3f1", 8) == ["GPU-8932f937", "MIG-3f1"]


def test_where_cuda_shows_fewer_than_are_named_it_is_the_first() -> None:
    assert gpu_bindings(2, "3,5,-1,7", 8) == ["3", "5"]


def test_no_gpu_binds_nobody() -> None:
    assert gpu_bindings(0, "", 8) == []


@given(names=NAMES, hidden=st.integers(0, 3), workers=st.integers(1, 20))
def test_no_two_workers_share_a_gpu_and_none_is_bound_to_one_that_was_not_shown(
    names: list[str], hidden: int, workers: int
) -> None:
    count = max(len(names) - hidden, 0)
    bound = gpu_bindings(count, ",".join(names), workers)
    assert len(bound) == min(count, workers)
    assert bound == names[: len(bound)]

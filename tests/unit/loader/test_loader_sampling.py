import numpy as np
import pytest

from faceshards.errors import ParamsError
from faceshards.loader.draws import EpochDraws, Stream
from faceshards.loader.sampling import Sampling, Shuffle, epoch_order
from faceshards.loader.views import variant_choice


def choice(samples: int, variants: int) -> np.ndarray:
    ids = [f"s{i}" for i in range(samples)]
    return variant_choice(EpochDraws(seed=0, epoch=0).keys(ids, Stream.VARIANT), variants)


def test_an_epoch_order_is_a_permutation() -> None:
    assert sorted(epoch_order(1000, seed=7, epoch=3)) == list(range(1000))
    assert epoch_order(0, 0, 0).size == 0


def test_orders_of_other_seeds_and_epochs_have_little_in_common() -> None:
    base = epoch_order(1000, 0, 0)
    for other in (epoch_order(1000, 1, 0), epoch_order(1000, 0, 1)):
        assert np.mean(base == other) < 0.02


def test_the_order_is_the_same_on_every_machine() -> None:
    assert epoch_order(8, seed=0, epoch=0).tolist() == [7, 0, 2, 5, 1, 3, 6, 4]
    assert choice(8, 4).tolist() == [0, 2, 2, 1, 1, 2, 0, 1]


def test_variants_are_shown_equally_often() -> None:
    assert np.bincount(choice(4000, 4), minlength=4) == pytest.approx([1000] * 4, abs=120)


@pytest.mark.parametrize("name", ["batch_size", "seed", "epoch", "rank", "world_size"])
@pytest.mark.parametrize("value", [-1, 1.5, 2.0, True, "3", None, 2**63])
def test_what_is_no_whole_number_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ParamsError, match=name):
        Sampling(**{"batch_size": 4, name: value})  # type: ignore[arg-type]


def test_whole_numbers_of_numpy_are_taken_as_what_they_are() -> None:
    assert Sampling(np.int64(4), seed=np.uint8(3)).identity() == Sampling(4, seed=3).identity()
    assert type(Sampling(np.int64(4)).identity()["batch_size"]) is int


@pytest.mark.parametrize("name", ["window", "shards", "lanes"])
def test_a_shuffle_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(ParamsError, match=name):
        Shuffle(**{name: 0})


@pytest.mark.parametrize("shuffle", ["yes", 1, None])
def test_an_unknown_shuffle_is_refused(shuffle: object) -> None:
    with pytest.raises(ParamsError, match="shuffle is True, False, 'full' or a Shuffle"):
        Sampling(4, shuffle)  # type: ignore[arg-type]

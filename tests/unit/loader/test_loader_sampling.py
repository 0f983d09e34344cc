import numpy as np
import pytest

from faceshards.errors import ParamsError
from faceshards.loader.sampling import epoch_order, variant_choice


def test_an_epoch_order_is_a_permutation() -> None:
    assert sorted(epoch_order(1000, seed=7, epoch=3)) == list(range(1000))
    assert epoch_order(0, 0, 0).size == 0


def test_orders_of_other_seeds_and_epochs_have_little_in_common() -> None:
    base = epoch_order(1000, 0, 0)
    for other in (epoch_order(1000, 1, 0), epoch_order(1000, 0, 1)):
        assert np.mean(base == other) < 0.02


def test_the_order_is_the_same_on_every_machine() -> None:
    assert epoch_order(8, seed=0, epoch=0).tolist() == [7, 0, 2, 5, 1, 3, 6, 4]
    assert variant_choice([f"s{i}" for i in range(8)], 4, seed=0, epoch=0).tolist() == [0, 2, 2, 1, 1, 2, 0, 1]


def test_variants_are_shown_equally_often() -> None:
    choice = variant_choice([f"s{i}" for i in range(4000)], 4, seed=0, epoch=0)
    assert np.bincount(choice, minlength=4) == pytest.approx([1000] * 4, abs=120)


@pytest.mark.parametrize(("seed", "epoch"), [(-1, 0), (0, -1)])
def test_negative_seeds_and_epochs_are_refused(seed: int, epoch: int) -> None:
    with pytest.raises(ParamsError, match="0 or more"):
        epoch_order(3, seed, epoch)
    with pytest.raises(ParamsError, match="0 or more"):
        variant_choice(["a"], 2, seed, epoch)

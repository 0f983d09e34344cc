"""The intervals of the proof hold what is true as often as they say, on LFW's own pairs."""

import numpy as np
import pytest

from examples.proof.coverage import TWO, coverage, made_up
from examples.proof.known import PAIRS, read_known


@pytest.fixture(scope="module")
def known(root):
    return read_known(root / "examples/proof/results" / PAIRS)


def test_intervals_of_arms_that_are_alike_hold_zero(known):
    truth, held, own = coverage(known, experiments=15, seeds=1, draws=100)
    assert 0.85 < truth[0] < 0.91  # about the accuracy of the trainings
    assert (held >= 0.8).all()
    assert own[0] >= 0.8


def test_a_better_arm_is_seen(known):
    of = made_up(known, seeds=2, draws=100, rng=np.random.default_rng(1))
    of.each[1, :, :, 0] += 0.05
    of.drawn[:, 1, :, :, 0] += 0.05
    gap = of.difference("accuracy", TWO[1], TWO[0])
    assert 0.03 < gap.low < gap.mean < gap.high < 0.07


def test_experiments_have_people_and_trainings_of_their_own(known):
    rng = np.random.default_rng(0)
    one, other = (made_up(known, seeds=1, draws=10, rng=rng) for _ in range(2))
    assert not np.array_equal(one.each, other.each)
    assert not np.array_equal(one.each[0], one.each[1])

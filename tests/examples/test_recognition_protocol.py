"""Verification figures against values found by hand and by brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.recognition.evaluate import verify
from examples.recognition.verification.protocol import Pairs, accepted, accuracy, all_pairs, roc
from faceshards.errors import ParamsError

SAME = np.array([True, True, False, True, False, False])
SCORES = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])


def pairs_of(same, fold):
    index = np.arange(len(same))
    return Pairs(index, index, np.asarray(same, bool), np.asarray(fold))


def test_the_curve_of_six_pairs_is_the_one_drawn_by_hand():
    curve = roc(SCORES, SAME)
    np.testing.assert_allclose(curve.far, [0, 0, 0, 1 / 3, 1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(curve.tar, [0, 1 / 3, 2 / 3, 2 / 3, 1, 1, 1])
    assert curve.tar_at(0.3) == pytest.approx(2 / 3)
    assert curve.tar_at(1 / 3) == 1
    assert curve.eer == pytest.approx(1 / 3)  # at 0.7: one of three impostors in, one of three genuine pairs out
    assert curve.auc == pytest.approx(8 / 9)  # eight of the nine pairs of a genuine and an impostor are in order


def test_perfect_and_useless_scores():
    assert roc(SAME.astype(float), SAME).eer == 0
    assert roc(np.zeros(6), SAME).eer == 0.5
    assert roc(-SAME.astype(float), SAME).eer == 1


def test_equal_scores_are_accepted_together():
    curve = roc(np.array([1.0, 1.0, 0.0, 0.0]), np.array([True, False, True, False]))
    np.testing.assert_allclose(curve.far, [0, 0.5, 1])
    np.testing.assert_allclose(curve.tar, [0, 0.5, 1])


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.integers(0, 3)), min_size=2, max_size=30))
def test_every_point_is_what_counting_gives_and_weights_are_copies(rows):
    scores, same, times = map(np.array, zip(*rows, strict=True))
    copies = np.repeat(np.arange(len(rows)), times)
    if len(set(same[copies].tolist())) < 2:
        with pytest.raises(ParamsError, match="one kind is missing"):
            roc(scores, same, times)
        return
    curve, repeated = roc(scores, same, times), roc(scores[copies], same[copies])
    for threshold, far, tar in zip(curve.threshold, curve.far, curve.tar, strict=True):
        accept = scores[copies] >= threshold
        assert far == pytest.approx(accept[~same[copies]].mean())
        assert tar == pytest.approx(accept[same[copies]].mean())
    assert curve.eer == pytest.approx(repeated.eer)
    assert curve.tar_at(0.25) == pytest.approx(repeated.tar_at(0.25))


def test_a_folds_threshold_is_chosen_on_the_other_folds():
    same = [True, False, True, False]
    scores = np.array([0.9, 0.8, 0.6, 0.1])
    pairs = pairs_of(same, [0, 0, 1, 1])
    # Fold 0 has its own best threshold at 0.9, but is judged at fold 1's, 0.6, and the other way round.
    np.testing.assert_array_equal(accepted(scores, pairs), [True, True, False, False])
    assert accuracy(accepted(scores, pairs), pairs.same) == 0.5


def test_both_kinds_of_pairs_count_half():
    same = np.array([True, False, False, False])
    assert accuracy(np.array([True, True, False, False]), same) == pytest.approx((1 + 2 / 3) / 2)
    assert accuracy(np.array([True, True, False, False]), same, np.array([5, 0, 1, 1])) == 1


def test_a_fold_of_one_kind_has_no_accuracy():
    with pytest.raises(ParamsError, match="in every fold"):
        verify(SCORES, pairs_of(SAME, [0, 0, 1, 2, 1, 2]))


def test_one_fold_cannot_choose_a_threshold():
    with pytest.raises(ParamsError, match="two or more"):
        accepted(SCORES, pairs_of(SAME, np.zeros(6, int)))


def test_all_pairs_has_each_pair_once_and_both_kinds_in_every_fold():
    pairs = all_pairs(np.repeat(np.arange(5), 4))
    assert len(set(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))) == len(pairs.same) == 20 * 19 // 2
    assert pairs.same.sum() == 5 * 6
    for kind in (pairs.same, ~pairs.same):
        assert np.ptp(np.bincount(pairs.fold[kind], minlength=10)) <= 1
    assert all_pairs(np.array([0, 0, 1, 1])).folds == 2  # two genuine pairs fill no more


def test_scores_are_cosines_and_figures_are_those_of_the_parts():
    generator = np.random.default_rng(0)
    identities = np.repeat(np.arange(6), 5)
    faces = generator.normal(size=(6, 8))[identities] + generator.normal(size=(30, 8))
    unit = faces / np.linalg.norm(faces, axis=1, keepdims=True)
    pairs = all_pairs(identities)
    scores = pairs.scores(unit)
    np.testing.assert_allclose(scores, (unit @ unit.T)[pairs.first, pairs.second])
    found = verify(scores, pairs)
    assert (found.genuine, found.impostor) == (60, 375)
    assert found.eer == roc(scores, pairs.same).eer
    assert 0.5 < found.accuracy < 1
    assert found.accuracy_std > 0
    assert found.tar["0.1"] >= found.tar["0.01"]

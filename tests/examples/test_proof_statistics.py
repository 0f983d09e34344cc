"""The statistics of the proof: draws of people and seeds, the paired test, the smallest gain that can be seen."""

import numpy as np
import pytest

from examples.proof.hidden import HIDDEN
from examples.proof.known import Known, read_known, write_known
from examples.proof.measure import Answers, figures, spread
from examples.proof.statistics import (
    ARMS,
    METRICS,
    POWER,
    Comparison,
    cosine_lost,
    drawn_figures,
    plain_figures,
    sign_flip_test,
)
from examples.recognition.bootstrap import interval
from examples.recognition.verification.protocol import Pairs, accepted, accuracy, roc
from faceshards.errors import SourceFormatError, SourceNotFoundError


def pairs_of(many, rng, people=40):
    """So many pairs of each kind in five folds, over people of two photographs each."""
    same = np.repeat([True, False], many)
    one = rng.integers(people, size=2 * many)
    other = np.where(same, one, (one + 1 + rng.integers(people - 1, size=2 * many)) % people)
    return Pairs(2 * one, 2 * other + 1, same, np.tile(np.arange(2 * many // 10).repeat(1) % 5, 10)[: 2 * many])


def answers_of(pairs, rng, apart=1.5):
    scores = rng.normal(size=len(pairs.same)) + apart * pairs.same
    hidden = {what: rng.random(len(pairs.same)) < np.where(pairs.same, 0.8, 0.3) for what in HIDDEN}
    influence = rng.normal(size=(20, 25)).astype(np.float32)
    return Answers(scores.astype(np.float16).astype(np.float32), hidden, influence)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def known(rng):
    return Known.of(pairs_of(100, rng), [f"person{i // 2}" for i in range(80)])


def test_every_figure_in_a_draw_is_that_of_the_verification_protocol(known, rng):
    answers, pairs = answers_of(known.pairs, rng), known.pairs
    weights = known.draw(3, rng)
    found = drawn_figures(answers, known, weights)
    right = accepted(answers.scores, pairs)
    for row, mass in zip(found, weights, strict=True):
        curve = roc(answers.scores, pairs.same, mass)
        expected = [accuracy(right, pairs.same, mass), curve.eer, curve.tar_at(0.01), curve.tar_at(0.001)]
        expected += [accuracy(answers.hidden[what], pairs.same, mass) for what in HIDDEN]
        assert row[: len(expected)] == pytest.approx(expected)


def test_a_draw_that_has_everybody_once_gives_the_plain_figures(known, rng):
    answers = answers_of(known.pairs, rng)
    once = np.ones((1, len(known.pairs.same)), np.float32)
    plain = plain_figures(answers, known)
    drawn = drawn_figures(answers, known, once)[0]
    assert drawn[1:] == pytest.approx(plain[1:])
    assert plain[METRICS.index("accuracy")] == pytest.approx(figures(answers.scores, known.pairs)["accuracy"])


def test_a_person_drawn_twice_counts_twice_with_himself_and_with_others_where_the_coin_names_him(known, rng):
    weights = known.draw(200, rng)
    same = known.pairs.same
    assert weights[:, same].mean() == pytest.approx(1, abs=0.05)
    pair = int(np.flatnonzero(~same)[0])
    first, second = known.person[:, pair]
    of_first = weights[:, same & (known.person[0] == first)][:, 0]
    of_second = weights[:, same & (known.person[0] == second)][:, 0]
    ours = weights[:, pair]
    assert ((ours == of_first) | (ours == of_second)).all()
    assert (ours != of_first).any()
    assert (ours != of_second).any()


def test_the_draws_find_the_spread_of_answers_that_do_not_depend_on_each_other(rng):
    people, many = 1000, 1500  # as on LFW, where a person is on two or three pairs of two people
    first = rng.integers(people, size=many)
    pairs = Pairs(first, (first + 1 + rng.integers(people - 1, size=many)) % people, np.zeros(many, bool), first % 5)
    known = Known.of(pairs, [f"person{i}" for i in range(people)])
    right = (rng.random(many) < 0.87).astype(np.float32)
    weights = known.draw(1000, rng)
    drawn = weights @ right / weights.sum(1)
    assert drawn.std() == pytest.approx(right.std() / np.sqrt(many), rel=0.15)


def test_the_falls_of_the_cosine_are_added_up_and_rises_and_hidden_regions_count_for_nothing():
    influence = np.full((1, 25), np.nan, np.float32)
    influence[0, :3] = 0.5, 0.25, -1.0
    assert cosine_lost(influence) == pytest.approx([0.75])


def comparison(gain, seed_noise, rng, seeds=5, draws=400):
    """Two halves of trainings, of which only the accuracy: "rectangle" has a true gain, every training its own luck."""
    shape = (len(ARMS), seeds, 2, 1)
    each = 0.8 + rng.normal(0, seed_noise, shape)
    each[ARMS.index("rectangle")] += gain
    drawn = each + rng.normal(0, 0.01, (draws, 1, 1, 2, 1))  # people are hard for all arms alike
    return Comparison(tuple(range(seeds)), each, drawn, rng.normal(size=draws))


def test_what_is_hard_for_all_arms_cancels_in_their_difference(rng):
    found = comparison(0.02, 0.001, rng).difference("accuracy", "rectangle", "none")
    assert found.mean == pytest.approx(0.02, abs=0.002)
    assert 0.015 < found.low < 0.02 < found.high < 0.025
    alone = interval(comparison(0.02, 0.001, rng).bootstrap()[:, 0, 0])
    assert alone[1] - alone[0] > 0.02


def test_intervals_of_no_gain_hold_zero_about_as_often_as_they_say(rng):
    found = [comparison(0.0, 0.01, rng, seeds=12, draws=200).difference("accuracy", "part", "none") for _ in range(60)]
    holding = np.mean([each.low <= 0 <= each.high for each in found])
    assert holding > 0.8


def test_the_luck_of_a_training_on_single_pairs_counts_once_and_ends_with_endless_seeds(rng):
    pairs, seeds, draws = 1000, 5, 400
    right = rng.random((len(ARMS), seeds, 2, pairs)) < 0.87  # nothing but luck
    weights = rng.multinomial(pairs, np.full(pairs, 1 / pairs), size=(2, draws))
    drawn = np.einsum("hdp,ashp->dash", weights, right)[..., None] / pairs
    gaps = [
        Comparison(tuple(range(seeds)), right.mean(-1)[..., None], drawn, rng.normal(size=draws)).difference(
            "accuracy", arm, "none"
        )
        for arm in ARMS[1:]
    ]
    true = np.sqrt(2 * 0.87 * 0.13 / (pairs * seeds * 2))
    assert np.median([gap.smallest for gap in gaps]) / POWER == pytest.approx(true, rel=0.25)
    assert np.median([gap.smallest_of_people for gap in gaps]) / POWER < true / 2


def test_one_seed_does_not_tell_what_endless_ones_would(rng):
    assert np.isnan(comparison(0.0, 0.01, rng, seeds=1).difference("accuracy", "part", "none").smallest_of_people)


def test_the_smallest_visible_gain_is_seen_four_times_in_five(rng):
    def found(gain):
        return comparison(gain, 0.01, rng, seeds=12, draws=200).difference("accuracy", "rectangle", "none")

    smallest = np.median([found(0).smallest for _ in range(20)])
    seen = [found(smallest).low > 0 for _ in range(60)]
    assert 0.65 < np.mean(seen) < 0.97


def test_the_paired_test_is_exact_for_few_trainings():
    assert sign_flip_test(np.array([1.0, 1.0, 1.0])) == pytest.approx(2 / 8)
    assert sign_flip_test(np.array([1.0, -1.0])) == 1.0
    assert sign_flip_test(np.full(20, 0.3)) < 0.001


def test_attention_on_one_region_counts_one_and_on_all_alike_25():
    one = np.full((1, 25), -0.2, np.float32)
    one[0, 10] = 0.4
    assert spread(one) == pytest.approx([1])
    assert spread(np.full((1, 25), 0.1, np.float32)) == pytest.approx([25])
    some = np.full((1, 25), np.nan, np.float32)
    some[0, :4] = 0.1
    assert spread(some) == pytest.approx([4])
    assert np.isnan(spread(np.full((1, 25), -0.1, np.float32)))


def test_pairs_come_back_from_their_file_and_others_are_refused(known, rng, tmp_path):
    path = tmp_path / "pairs.csv"
    written = {"a": known, "b": Known.of(pairs_of(50, rng), [f"person{i // 2}" for i in range(80)])}
    write_known(path, written)
    write_known(path, written)
    for half, back in read_known(path).items():
        assert np.array_equal(back.person, written[half].person)
        assert np.array_equal(back.pairs.same, written[half].pairs.same)
        assert np.array_equal(back.pairs.fold, written[half].pairs.fold)
        assert back.people == written[half].people
    with pytest.raises(SourceFormatError, match="two stores do not go together"):
        write_known(path, {"a": written["b"], "b": written["a"]})
    with pytest.raises(SourceNotFoundError, match=r"none\.csv: expected the pairs that trainings are about"):
        read_known(tmp_path / "none.csv")

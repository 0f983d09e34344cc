"""What a net of the proof is worth: parts hidden, answers to all pairs, and the row that keeps them."""

import csv

import numpy as np
import pytest
from proof_faces import SETTINGS, faces

from examples.proof.hidden import HIDDEN, OCCLUDERS, REGIONS, hide
from examples.proof.measure import PairFaces, answer, embed
from examples.proof.rows import (
    Trial,
    add,
    all_trials,
    finished,
    read_answers,
)
from examples.proof.run import row_of
from examples.proof.training import runnable, train
from examples.recognition.verification.protocol import all_pairs
from faceshards.errors import StoreFormatError
from faceshards.regions import Region


@pytest.fixture(scope="module")
def answered(dataset):
    test = PairFaces.read(dataset, all_pairs(dataset.identities))
    net, forward = runnable(SETTINGS)
    return test, answer(forward, net, test, batch=8)


def test_a_hidden_part_changes_that_part_alone_and_always_alike(dataset):
    held = dataset.take(range(len(dataset)), fields=["image", "region"], view="original")
    samples = np.arange(len(dataset))
    for what in HIDDEN:
        out = hide(held["image"], held["region"], samples, what)
        assert np.array_equal(out, hide(held["image"], held["region"], samples, what))
        changed = (out != held["image"]).any(-1)
        assert changed.mean() < 0.7
        if what in REGIONS:
            allowed = np.isin(held["region"], [Region[name.upper()] for name in REGIONS[what]])
            assert not (changed & ~allowed).any()
        else:
            assert changed.any((1, 2)).all()
            assert what in OCCLUDERS


def test_an_occluder_is_drawn_anew_for_another_face(dataset):
    image = np.repeat(dataset.take([0], fields=["image"])["image"], 2, 0)
    regions = np.zeros(image.shape[:3], np.uint8)
    for what in OCCLUDERS:
        first, second = hide(image, regions, np.array([3, 4]), what)
        assert (first != second).any()


def test_answers_are_of_all_pairs_and_of_every_hidden_part(answered):
    test, answers = answered
    assert len(answers.scores) == len(test.pairs.same)
    assert set(answers.hidden) == set(HIDDEN)
    assert np.abs(answers.scores).max() <= 1 + 1e-5
    assert answers.influence.shape[1] == 25


def test_embeddings_do_not_depend_on_which_faces_fill_the_batch(answered):
    test, _ = answered
    forward = runnable(SETTINGS)[1]
    all_of_them = embed(forward, test.images, "cpu")
    alone = embed(forward, test.images[1:2], "cpu")
    assert np.allclose(all_of_them[1], alone[0], atol=1e-3)


def test_a_row_and_its_answers_come_back_as_they_were_written(answered, dataset, labels, tmp_path):
    test, answers = answered
    _, trained = train(faces(dataset, labels, "none"), int(labels.max()) + 1, "softmax", SETTINGS)
    trials = all_trials("small", 1)
    for trial in trials[:2]:
        add(tmp_path, trial, row_of(trained, answers, test.pairs) | {"processor": "One"}, answers)
    rows = finished(tmp_path)
    assert list(rows) == trials[:2]
    with (tmp_path / "results.csv").open() as file:
        assert [row["arm"] for row in csv.DictReader(file)] == ["none", "rectangle"]
    back = read_answers(tmp_path, trials[0], len(answers.scores))
    assert np.allclose(back.scores, answers.scores, atol=1e-3)
    assert all(np.array_equal(back.hidden[what], answers.hidden[what]) for what in HIDDEN)
    path = tmp_path / "answers" / f"{trials[0]}.npz"
    whole = path.read_bytes()
    flipped = whole[: len(whole) // 4] + bytes(byte ^ 255 for byte in whole[len(whole) // 4 :][:40])
    for damaged in (b"", whole[: len(whole) // 2], flipped + whole[len(flipped) :]):
        path.write_bytes(damaged)
        with pytest.raises(StoreFormatError, match=rf"{trials[0]}\.npz: expected the answers .* found a damaged file"):
            read_answers(tmp_path, trials[0], len(answers.scores))


def test_answers_that_are_gone_are_named(tmp_path):
    trial = Trial("small", "softmax", 0, "a", "none")
    with pytest.raises(StoreFormatError, match=r"small-softmax-0-a-none\.npz"):
        read_answers(tmp_path, trial, 8)

"""Trainings of the proof: arms differ in what is erased and in nothing else, sittings go on where they were stopped."""

import csv
from dataclasses import replace
from functools import lru_cache
from itertools import product
from typing import get_args

import numpy as np
import pytest
import torch

import faceshards
from examples.proof import gpu, sweep
from examples.proof.arms import RECTANGLE_AREA, RECTANGLE_RATIO, Arm, HeldFaces, TrainingFaces, erase_rectangles
from examples.proof.gpu import AT_ONCE, run_stack, stacks, train_stack
from examples.proof.hidden import HIDDEN, OCCLUDERS, REGIONS, hide
from examples.proof.lfw import Half
from examples.proof.measure import PairFaces, answer, embed
from examples.proof.rows import (
    HALVES,
    Trial,
    add,
    all_trials,
    finished,
    read_answers,
    refuse_other_settings,
)
from examples.proof.run import Lfw, row_of, run_trial, settings_of
from examples.proof.settings import Settings
from examples.proof.sweep import Variation, read_sweep, sweep_table, try_variations
from examples.proof.training import HeadName, learning_rate, runnable, train
from examples.recognition.verification.protocol import all_pairs
from faceshards.errors import ParamsError, StoreFormatError
from faceshards.regions import Region

ARMS = get_args(Arm)
SETTINGS = replace(Settings(), epochs=2, batch_size=4, warmup=1, scale=8.0, p=1.0, compiled=False)


@pytest.fixture(scope="module")
def dataset(small_run):
    """The demo faces of the split train."""
    return faceshards.open(small_run / "shards", "train")


@pytest.fixture(scope="module")
def labels(dataset):
    return np.unique(dataset.identities, return_inverse=True)[1]


def faces(dataset, labels, arm, seed=0, **changes):
    held = HeldFaces(dataset, np.arange(len(dataset)), labels)
    return TrainingFaces(held, arm, replace(SETTINGS, **changes), seed)


def epoch(dataset, labels, arm, number=0, **changes):
    batches = list(faces(dataset, labels, arm, **changes).epoch(number))
    return torch.cat([images for images, _ in batches]), torch.cat([of for _, of in batches])


def test_all_arms_have_the_same_people_in_the_same_order_mirrored_alike(dataset, labels):
    plain, order = epoch(dataset, labels, "none")
    for arm in ARMS[1:]:
        images, same_order = epoch(dataset, labels, arm)
        assert same_order.tolist() == order.tolist()
        changed = (images != plain).any(1).float().mean((1, 2))
        assert (changed < 0.9).all()
        assert changed.mean() > 0.005


def test_with_probability_zero_every_arm_is_that_without_erasing(dataset, labels):
    plain, _ = epoch(dataset, labels, "none")
    for arm in ARMS:
        assert torch.equal(epoch(dataset, labels, arm, p=0.0)[0], plain)


def test_epochs_and_seeds_draw_anew_and_the_same_ones_the_same(dataset, labels):
    first, _ = epoch(dataset, labels, "both")
    assert torch.equal(first, epoch(dataset, labels, "both")[0])
    assert not torch.equal(first, epoch(dataset, labels, "both", number=1)[0])
    assert not torch.equal(first, epoch(dataset, labels, "both", seed=1)[0])


def test_a_part_is_one_region_in_one_flat_colour(dataset, labels):
    images, _ = epoch(dataset, labels, "part")
    plain, _ = epoch(dataset, labels, "none")
    changed = (images != plain).any(1, keepdim=True).expand_as(images)
    assert images[changed].unique().numel() == 1


def test_the_stored_variants_are_those_of_the_store(dataset, labels):
    images, _ = epoch(dataset, labels, "precomputed", batch_size=1)
    variants = torch.from_numpy(dataset.take(range(len(dataset)), fields=["variant"], view="all_variants")["variant"])
    known = variants.flatten(0, 1).movedim(-1, 1).float().div(127.5).sub(1)
    known = torch.cat([known, known.flip(-1)])
    assert all(((known - image).abs().amax((1, 2, 3)) < 1e-6).any() for image in images)


def test_rectangles_have_the_sizes_of_torchvisions():
    images = torch.zeros(600, 1, 112, 112, dtype=torch.uint8)
    erase_rectangles(images, 1.0, torch.Generator().manual_seed(0))
    found = images[:, 0] > 0
    height = found.any(2).sum(1)
    width = found.any(1).sum(1)
    area = (height * width) / 112**2
    assert area.min() > RECTANGLE_AREA[0] - 0.005
    assert area.max() < RECTANGLE_AREA[1] + 0.01
    assert area.mean() == pytest.approx(np.mean(RECTANGLE_AREA), abs=0.012)
    ratio = height / width
    assert ratio.min() > RECTANGLE_RATIO[0] - 0.03
    assert ratio.max() < RECTANGLE_RATIO[1] + 0.3
    assert ratio.log().mean() == pytest.approx(0, abs=0.09)
    assert (images[:, 0].flatten(1).any(1)).all()
    half = torch.zeros(600, 1, 112, 112, dtype=torch.uint8)
    erase_rectangles(half, 0.5, torch.Generator().manual_seed(0))
    assert half.flatten(1).any(1).float().mean() == pytest.approx(0.5, abs=0.06)


def test_the_learning_rate_rises_and_falls_to_nothing():
    rates = [learning_rate(step, 100, 10) for step in range(100)]
    assert rates[:10] == sorted(rates[:10])
    assert rates[10] == 1
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.001


class Stopped(Exception):
    pass


@pytest.mark.parametrize("head", get_args(HeadName))
def test_a_stopped_training_goes_on_and_ends_as_one_that_was_not_stopped(dataset, labels, head, tmp_path, monkeypatch):
    people = int(labels.max()) + 1
    net, whole = train(faces(dataset, labels, "on-the-fly"), people, head, SETTINGS)
    expected = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    stopping, checkpoint = faces(dataset, labels, "on-the-fly"), tmp_path / "checkpoint.pt"
    real = stopping.epoch

    def kill_in_the_second_epoch(number):
        if number == 1:
            raise Stopped
        return real(number)

    monkeypatch.setattr(stopping, "epoch", kill_in_the_second_epoch)
    with pytest.raises(Stopped):
        train(stopping, people, head, SETTINGS, checkpoint, every=1)
    net, again = train(faces(dataset, labels, "on-the-fly"), people, head, SETTINGS, checkpoint, every=1)
    assert again.losses == whole.losses
    assert all(torch.equal(tensor, expected[name]) for name, tensor in net.state_dict().items())


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
        add(tmp_path, trial, row_of(trained, answers, test.pairs), answers)
    rows = finished(tmp_path)
    assert list(rows) == trials[:2]
    with (tmp_path / "results.csv").open() as file:
        assert [row["arm"] for row in csv.DictReader(file)] == ["none", "rectangle"]
    back = read_answers(tmp_path, trials[0])
    assert np.allclose(back.scores, answers.scores, atol=1e-3)
    assert all(np.array_equal(back.hidden[what], answers.hidden[what]) for what in HIDDEN)


def test_answers_that_are_gone_are_named(tmp_path):
    trial = Trial("small", "softmax", 0, "a", "none")
    with pytest.raises(StoreFormatError, match=r"small-softmax-0-a-none\.npz"):
        read_answers(tmp_path, trial)


def test_a_comparison_has_every_training_once_and_whole_seeds_first():
    trials = all_trials("small", 5)
    assert len(set(trials)) == len(trials) == 5 * 2 * len(HALVES) * len(ARMS)
    first = trials[: len(HALVES) * len(ARMS)]
    assert {(trial.half, trial.arm) for trial in first} == set(product(HALVES, ARMS))
    assert {(trial.head, trial.seed) for trial in first} == {("arcface", 0)}


def test_nets_that_are_trained_together_on_a_gpu_learn_what_each_would_alone(dataset, labels):
    settings = replace(SETTINGS, bf16=False)
    trials = [Trial("small", "arcface", 3, "a", arm) for arm in ("none", "on-the-fly", "both")]
    held, people = HeldFaces(dataset, np.arange(len(dataset)), labels), int(labels.max()) + 1
    stack, done = train_stack(trials, held, people, settings, "cpu")
    for place, trial in enumerate(trials):
        faces = TrainingFaces(held, trial.arm, settings, trial.seed, AT_ONCE)
        net, alone = train(faces, people, "arcface", settings)
        assert done[place].losses == pytest.approx(alone.losses, rel=1e-3)
        together = stack.net(place).state_dict()
        for name, tensor in net.state_dict().items():
            assert torch.allclose(together[name].float(), tensor.float(), atol=2e-3), name


def test_a_gpu_trains_the_same_trials_as_sittings_do():
    trials = [trial for stack in stacks("small", 5, 30) for trial in stack]
    assert sorted(trials) == sorted(all_trials("small", 5))


class SmallLfw(Lfw):
    """The demo faces, all of whose pairs are verified, in place of LFW."""

    def __init__(self, dataset, labels):
        self.dataset = dataset
        every = np.arange(len(dataset))
        self._all = Half(every, labels, int(labels.max()) + 1, all_pairs(dataset.identities), missing=0)
        self.half = lambda name, min_photos: self._all
        self.held, self.test = lru_cache(self._held), lru_cache(self._test)


@pytest.fixture(scope="module")
def small_lfw(dataset, labels):
    return SmallLfw(dataset, labels)


def test_a_sitting_leaves_a_whole_row_and_no_checkpoint(small_lfw, tmp_path):
    trial = all_trials("small", 1)[3]
    run_trial(small_lfw, trial, SETTINGS, tmp_path, "cpu", batch=8)
    row = finished(tmp_path)[trial]
    assert (row["arm"], row["epochs"], len(row["losses"].split())) == ("on-the-fly", "2", 2)
    assert 0 <= float(row["accuracy without mask"]) <= 1
    assert 1 <= float(row["regions_looked_at"]) <= 25
    assert not list(tmp_path.glob("*.checkpoint.pt"))
    refuse_other_settings(tmp_path, "small", settings_of(SETTINGS))
    with pytest.raises(ParamsError, match="on-the-fly was trained with other settings"):
        refuse_other_settings(tmp_path, "small", settings_of(replace(SETTINGS, lr=0.2)))


def test_a_checkpoint_of_other_settings_is_refused(dataset, labels, tmp_path):
    checkpoint = tmp_path / "checkpoint.pt"
    people = int(labels.max()) + 1
    train(faces(dataset, labels, "none"), people, "softmax", SETTINGS, checkpoint, every=1)
    with pytest.raises(ParamsError, match=r"checkpoint\.pt is of a training with other settings"):
        train(faces(dataset, labels, "none"), people, "softmax", replace(SETTINGS, lr=0.2), checkpoint)


def test_a_gpu_writes_the_rows_that_a_sitting_writes(small_lfw, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "BATCH", 8)
    trials = all_trials("small", 1)[:2]
    run_stack(small_lfw, trials, SETTINGS, tmp_path / "stack", "cpu")
    run_trial(small_lfw, trials[0], SETTINGS, tmp_path / "sitting", "cpu", batch=8)
    rows = finished(tmp_path / "stack")
    assert list(rows) == trials
    assert list(rows[trials[0]]) == list(finished(tmp_path / "sitting")[trials[0]])


def test_a_sweep_tries_what_is_left_and_tells_means_over_seeds(small_lfw, tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "VARIATIONS", (Variation("none", epochs=1), Variation(p=1.0, epochs=1)))
    monkeypatch.setattr(sweep, "BATCH", 8)
    settings = replace(SETTINGS, lr=0.01)
    try_variations(small_lfw, tmp_path / "sweep.csv", 2, settings, "cpu")
    written = (tmp_path / "sweep.csv").read_bytes()
    try_variations(small_lfw, tmp_path / "sweep.csv", 2, settings, "cpu")
    assert (tmp_path / "sweep.csv").read_bytes() == written
    assert [(row["arm"], row["seed"]) for row in read_sweep(tmp_path / "sweep.csv")] == [
        ("none", "0"),
        ("on-the-fly", "0"),
        ("none", "1"),
        ("on-the-fly", "1"),
    ]
    lines = sweep_table(tmp_path / "sweep.csv").splitlines()[2:]
    assert lines[0].startswith("| none | 0.5 | 1 to 5 | random | 1 | 2 | ")
    assert lines[1].startswith("| on-the-fly | 1 | 1 to 5 | random | 1 | 2 | ")

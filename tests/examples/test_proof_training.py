"""Trainings of the proof: sittings go on where they were stopped, and a GPU trains what they train."""

from dataclasses import replace
from functools import lru_cache
from itertools import product
from typing import get_args

import numpy as np
import pytest
import torch
from proof_faces import SETTINGS, faces

from examples.proof import gpu, run, sweep
from examples.proof.arms import Arm, HeldFaces, TrainingFaces
from examples.proof.gpu import AT_ONCE, run_stack, stacks, train_stack
from examples.proof.lfw import Half
from examples.proof.rows import (
    HALVES,
    Trial,
    all_trials,
    finished,
    read_rows,
)
from examples.proof.run import Lfw, begin, run_trial
from examples.proof.sweep import Variation, try_variations
from examples.proof.tables import sweep_table
from examples.proof.training import learning_rate, train
from examples.recognition.train import HeadName
from examples.recognition.verification.protocol import all_pairs
from faceshards.build.runrecord import processor
from faceshards.errors import ParamsError

ARMS = get_args(Arm)


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
            # Batches of other shapes add up otherwise, which two steps amplify. Another arm is as far as a net is long.
            apart = (together[name].float() - tensor.float()).norm()
            assert apart <= 0.05 * (tensor.float().norm() + 0.01), name


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
        self._ids = [str(label) for label in labels]


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
    begin(small_lfw, tmp_path, SETTINGS)
    with pytest.raises(ParamsError, match=r"expected trainings with {'lr': '0\.2'} to add to, found {'lr': '0\.1'}"):
        begin(small_lfw, tmp_path, replace(SETTINGS, net="middle", lr=0.2))


def test_a_device_by_either_of_its_names_has_one_net(small_lfw, tmp_path):
    trial = all_trials("small", 1)[0]
    for device in ("cpu", "cpu:0"):
        run_trial(small_lfw, trial, SETTINGS, tmp_path / device, device, batch=8)
    one, other = (finished(tmp_path / device)[trial] for device in ("cpu", "cpu:0"))
    assert one["accuracy"] == other["accuracy"]
    assert one["regions_looked_at"] == other["regions_looked_at"]


def test_arms_of_one_seed_and_half_are_trained_on_one_kind_of_processor(small_lfw, tmp_path, monkeypatch):
    first, second, *_, last = all_trials("small", 1)
    run_trial(small_lfw, first, SETTINGS, tmp_path, "cpu", batch=8)
    monkeypatch.setattr(run, "processor", lambda: "Another")
    with pytest.raises(
        ParamsError, match=rf"expected trainings with {{'processor': 'Another'}}.* in the line of {first}"
    ):
        run_trial(small_lfw, second, SETTINGS, tmp_path, "cpu", batch=8)
    with pytest.raises(ParamsError, match=r"expected trainings with {'processor': 'Another'}"):
        run_stack(small_lfw, [second], SETTINGS, tmp_path, "cpu")
    run_trial(small_lfw, last, SETTINGS, tmp_path, "cpu", batch=8)
    assert [row["processor"] for row in finished(tmp_path).values()] == [processor(), "Another"]


def test_a_checkpoint_of_other_settings_or_faces_is_refused(dataset, labels, tmp_path):
    checkpoint = tmp_path / "checkpoint.pt"
    people = int(labels.max()) + 1
    train(faces(dataset, labels, "none"), people, "softmax", SETTINGS, checkpoint, every=1)
    for other, settings in ((labels, replace(SETTINGS, lr=0.2)), (people - 1 - labels, SETTINGS)):
        with pytest.raises(ParamsError, match=r"checkpoint\.pt is of a training of other settings or faces"):
            train(faces(dataset, other, "none"), people, "softmax", settings, checkpoint)


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
    assert [(row["arm"], row["seed"]) for row in read_rows(tmp_path / "sweep.csv")] == [
        ("none", "0"),
        ("on-the-fly", "0"),
        ("none", "1"),
        ("on-the-fly", "1"),
    ]
    lines = sweep_table(read_rows(tmp_path / "sweep.csv")).splitlines()[2:]
    assert lines[0].startswith("| none | 0.5 | 1 to 5 | random | 1 | 2 | ")
    assert lines[1].startswith("| on-the-fly | 1 | 1 to 5 | random | 1 | 2 | ")
    with pytest.raises(ParamsError, match=r"expected trainings with {'lr': '5\.0'}"):
        try_variations(small_lfw, tmp_path / "sweep.csv", 3, replace(settings, lr=5.0), "cpu")


def test_a_sweep_keeps_the_lines_of_another_that_runs_beside_it(small_lfw, tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "VARIATIONS", (Variation("none", epochs=1), Variation(p=1.0, epochs=1)))
    monkeypatch.setattr(sweep, "BATCH", 8)
    path, real = tmp_path / "sweep.csv", sweep._try

    def beside(*given):
        monkeypatch.setattr(sweep, "_try", real)
        try_variations(small_lfw, path, 1, SETTINGS, "cpu")
        return real(*given)

    monkeypatch.setattr(sweep, "_try", beside)
    try_variations(small_lfw, path, 1, SETTINGS, "cpu")
    assert [(row["arm"], row["seed"]) for row in read_rows(path)] == [("none", "0"), ("on-the-fly", "0")]

"""Training from shards: the arms show what they say, it learns, it goes on where it was killed, and a comparison of all
arms ends in a table and a picture."""

import csv
import json
import os
import pickle
import sys

import cv2
import numpy as np
import pytest
import torch

import faceshards
from examples.recognition import compare, evaluate, shards, train
from examples.recognition.bootstrap import ARMS, Comparison, Fold, interval
from examples.recognition.data import TrainingFaces, erase_rectangles
from examples.recognition.nets import NETS, IResNet, to_input
from examples.recognition.summarise import table
from examples.recognition.train import Config
from examples.recognition.verification.protocol import all_pairs, roc
from faceshards.errors import ParamsError, SourceNotFoundError, WeightsError, WeightsNotFoundError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def store(small_run):
    """Ten demo faces of five people, in the splits train and val."""
    return small_run / "shards"


def config(store, **changes):
    return Config(str(store), **{"epochs": 2, "batch_size": 4, "warmup": 1, "scale": 8.0} | changes)


def faces(store, erasing, p=1.0, seed=0):
    return TrainingFaces(store, ["train", "val"], erasing=erasing, p=p, batch_size=4, seed=seed)


def images_of(faces, epoch=0):
    return torch.cat([images for images, _ in faces.epoch(epoch)])


def unmirrored(images, originals):
    """For each image the original, or its mirror image, that it shares most pixels with: that share."""
    both = torch.cat([originals, originals.flip(-1)])
    return [(image == both).all(1).float().mean((1, 2)).max().item() for image in images]


def test_labels_of_several_splits_run_from_zero(store):
    training = faces(store, "none")
    labels = torch.cat([labels for _, labels in training.epoch(0)])
    assert training.num_classes == 5
    assert labels.min() == 0
    assert labels.max() == 4


def test_without_erasing_faces_come_as_they_are_or_mirrored(store):
    originals = torch.cat([_inputs(store, split, "image") for split in ("train", "val")])
    assert min(unmirrored(images_of(faces(store, "none")), originals)) == 1


@pytest.mark.parametrize("erasing", ["rectangle", "precomputed", "on-the-fly"])
def test_every_arm_erases_all_faces_at_p_1_and_none_at_p_0(store, erasing):
    originals = torch.cat([_inputs(store, split, "image") for split in ("train", "val")])
    assert max(unmirrored(images_of(faces(store, erasing)), originals)) < 1
    assert min(unmirrored(images_of(faces(store, erasing, p=0)), originals)) == 1


def test_the_precomputed_arm_shows_the_stored_variants(store):
    variants = torch.cat([_inputs(store, split, "variant") for split in ("train", "val")])
    assert min(unmirrored(images_of(faces(store, "precomputed")), variants)) == 1


@pytest.mark.parametrize("erasing", ["none", "rectangle", "precomputed", "on-the-fly"])
def test_draws_follow_seed_and_epoch_alone(store, erasing):
    first = faces(store, erasing, p=0.5)
    epochs = [images_of(first, epoch) for epoch in (0, 1)]
    torch.testing.assert_close(images_of(faces(store, erasing, p=0.5), 1), epochs[1])
    assert not torch.equal(*epochs)
    assert not torch.equal(images_of(faces(store, erasing, p=0.5, seed=1)), epochs[0])


def test_a_batch_greater_than_a_split_is_refused(store):
    with pytest.raises(ParamsError, match="a smaller batch"):
        TrainingFaces(store, ["train"], erasing="none", p=0, batch_size=400, seed=0)


def test_rectangles_are_of_the_papers_sizes_and_only_in_chosen_faces():
    images = torch.zeros(200, 112, 112, 3, dtype=torch.uint8)
    chosen = torch.arange(200) % 2 == 0
    erased = (erase_rectangles(images, chosen, torch.Generator().manual_seed(0)) != 0).any(-1)
    assert not erased[~chosen].any()
    for mask in erased[chosen]:
        rows, columns = torch.nonzero(mask.any(1)).flatten(), torch.nonzero(mask.any(0)).flatten()
        height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
        assert 0.018 < height * width / 112**2 < 0.41
        assert 0.28 < height / width < 3.6
    shares = erased[chosen].float().mean((1, 2))
    assert 0.15 < shares.mean() < 0.27  # uniform from 0.02 to 0.4


@pytest.mark.parametrize("head", ["softmax", "arcface"])
def test_training_tells_people_apart_better_than_first_weights_do(store, tmp_path, head):
    net = train.train(config(store, splits=("train", "val"), head=head, epochs=40, batch_size=8), tmp_path, CPU)
    torch.manual_seed(0)
    assert _eer(net, store) < _eer(IResNet(NETS["small"]), store)
    assert _eer(train.load_net(tmp_path), store) == _eer(net, store)


def test_a_killed_training_ends_as_one_that_was_not(store, tmp_path, monkeypatch):
    whole = train.train(config(store, erasing="on-the-fly", dropout=0.2, epochs=3), tmp_path / "whole", CPU)

    class KilledError(Exception):
        pass

    def kill_after_the_second_epoch(path, state, save=train._save):
        save(path, state)
        if state["epoch"] == 2:
            raise KilledError

    monkeypatch.setattr(train, "_save", kill_after_the_second_epoch)
    again = config(store, erasing="on-the-fly", dropout=0.2, epochs=3)
    with pytest.raises(KilledError):
        train.train(again, tmp_path / "killed", CPU)
    with pytest.raises(WeightsNotFoundError, match="finish the training"):
        train.load_net(tmp_path / "killed")
    monkeypatch.undo()
    resumed = train.train(again, tmp_path / "killed", CPU)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_a_folder_belongs_to_one_config_and_a_finished_training_is_not_repeated(store, tmp_path, monkeypatch):
    train.train(config(store, epochs=1), tmp_path, CPU)
    monkeypatch.setattr(train, "TrainingFaces", None)
    train.train(config(store, epochs=1), tmp_path, CPU)
    with pytest.raises(ParamsError, match="'epochs': 1"):
        train.train(config(store, epochs=2), tmp_path, CPU)


def test_a_net_of_someone_else_is_refused(tmp_path):
    train.safetensors.torch.save_file({"x": torch.zeros(1)}, tmp_path / "net.safetensors", {"net": "vit"})
    with pytest.raises(WeightsError, match="'vit'"):
        train.load_net(tmp_path)


def test_evaluate_prints_the_figures_of_a_split(store, tmp_path, monkeypatch, capsys):
    train.train(config(store, epochs=1), tmp_path, CPU)
    _run(monkeypatch, evaluate, tmp_path, "--shards", store, "--split", "val", "--device", "cpu")
    found = json.loads(capsys.readouterr().out)
    val = faceshards.open(store, "val")
    assert found["genuine"] + found["impostor"] == len(val) * (len(val) - 1) // 2
    assert 0 <= found["eer"] <= 1


def test_evaluate_reads_an_insightface_set(store, tmp_path, monkeypatch, capsys):
    train.train(config(store, epochs=1), tmp_path, CPU)
    images = [cv2.imencode(".png", face["image"][..., ::-1])[1].tobytes() for face in _faces(store)]
    # In each of ten folds a pair of one person, whose two views lie side by side, and one of two people.
    pairs = [(i, j % 10) for i in [*range(0, 10, 2)] * 2 for j in (i + 1, i + 2)]
    same = [True, False] * 10
    (tmp_path / "set.bin").write_bytes(pickle.dumps(([images[i] for pair in pairs for i in pair], same)))
    _run(monkeypatch, evaluate, tmp_path, "--bin", tmp_path / "set.bin", "--device", "cpu")
    found = json.loads(capsys.readouterr().out)
    assert (found["genuine"], found["impostor"]) == (10, 10)


def test_evaluate_reads_lfws_folder_and_list(store, tmp_path, monkeypatch, capsys):
    for face in _faces(store)[:8]:
        person = tmp_path / "lfw" / f"P{face['identity']}"
        person.mkdir(parents=True, exist_ok=True)
        number = len(list(person.iterdir())) + 1
        cv2.imwrite(str(person / f"{person.name}_{number:04d}.png"), face["image"][..., ::-1])
    a, b, c, d = sorted(path.name for path in (tmp_path / "lfw").iterdir())
    (tmp_path / "pairs.txt").write_text(f"2\t1\n{a}\t1\t2\n{a}\t1\t{b}\t1\n{c}\t1\t2\n{c}\t2\t{d}\t2\n")
    _run(monkeypatch, shards, tmp_path / "lfw", tmp_path / "out", "--folds", 1)
    train.train(config(store, epochs=1), tmp_path / "run", CPU)
    capsys.readouterr()
    arguments = ("--shards", tmp_path / "out/shards", "--split", "fold0", "--lfw-pairs", tmp_path / "pairs.txt")
    _run(monkeypatch, evaluate, tmp_path / "run", *arguments, "--device", "cpu")
    found = json.loads(capsys.readouterr().out)
    assert (found["genuine"], found["impostor"], found["pairs_without_a_face"]) == (2, 2, 0)


def test_a_comparison_ends_in_a_table_of_all_arms_and_resumes(store, tmp_path, monkeypatch):
    arguments = (store, tmp_path, "--seeds", 1, "--epochs", 1, "--batch-size", 4, "--device", "cpu")
    with pytest.raises(SourceNotFoundError, match="run compare first"):
        Comparison.read(store, tmp_path)
    _run(monkeypatch, compare, *arguments)
    with (tmp_path / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["head"], row["erasing"], row["fold"]) for row in rows} == {
        (*arm, fold) for arm in ARMS for fold in ("train", "val")
    }
    before = (tmp_path / "results.csv").read_bytes()
    monkeypatch.setattr(train, "TrainingFaces", None)
    _run(monkeypatch, compare, *arguments)
    assert (tmp_path / "results.csv").read_bytes() == before

    comparison = Comparison.read(store, tmp_path)
    values, draws = comparison.figures(), comparison.bootstrap(20)
    by_hand = np.mean([float(row["eer"]) for row in rows if (row["head"], row["erasing"]) == ARMS[0]])
    assert values[0, 1] == pytest.approx(by_hand, abs=1e-6)
    np.testing.assert_array_equal(draws, comparison.bootstrap(20))
    text = table(values, draws)
    assert text.count("| arcface | on-the-fly |") == 2
    assert text.count("| softmax | none |") == 1


def test_a_draw_counts_pairs_as_often_as_their_people(store):
    fold = Fold.of(faceshards.open(store, "train"))
    once = fold.weights(np.ones(fold.people, np.int64))
    assert (once == 1).all()
    times = np.arange(fold.people)
    weights = fold.weights(times)
    first, second = fold.person[fold.pairs.first], fold.person[fold.pairs.second]
    np.testing.assert_array_equal(weights[fold.pairs.same], times[first[fold.pairs.same]])
    np.testing.assert_array_equal(weights[~fold.pairs.same], (times[first] * times[second])[~fold.pairs.same])
    np.testing.assert_allclose(interval(np.arange(1001.0)), [25, 975])


def test_the_picture_is_drawn(store, tmp_path, monkeypatch):
    plot = pytest.importorskip("examples.recognition.plot", reason="matplotlib is not installed")
    _run(monkeypatch, compare, store, tmp_path, "--seeds", 1, "--epochs", 1, "--batch-size", 4, "--device", "cpu")
    comparison = Comparison.read(store, tmp_path)
    values, draws = comparison.figures(), comparison.bootstrap(3)
    plot.save_curves(comparison, values, interval(draws), tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_folds_are_splits_with_whole_people(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # for more, processes are started, which here is most of the time
    recipe = tmp_path / "demo.yaml"
    recipe.write_text("kind: demo\nidentities: 6\nviews: 2\nsize: 128\n")
    _run(monkeypatch, shards, recipe, tmp_path / "demo", "--folds", 2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    found = [faceshards.open(tmp_path / "demo/shards", f"fold{i}") for i in range(2)]
    assert sum(map(len, found)) == 12
    assert not set(found[0].identities.tolist()) & set(found[1].identities.tolist())


def _run(monkeypatch, module, *arguments):
    monkeypatch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
    module.main()


def _faces(store):
    """All ten faces, those of a person side by side."""
    found = [fold[i] for fold in compare.open_folds(store).values() for i in range(len(fold))]
    return sorted(found, key=lambda face: face["identity"])


def _inputs(store, split, field):
    """A field as the net sees it: (N, 3, 112, 112)."""
    data = faceshards.open(store, split)
    batch = data.take(range(len(data)), view="all_variants", fields=[field])[field]
    return to_input(torch.from_numpy(batch.reshape(-1, 112, 112, 3)))


def _eer(net, store):
    found = [faceshards.open(store, split) for split in ("train", "val")]
    embeddings = np.concatenate([evaluate.embed_faces(net, each, CPU) for each in found])
    pairs = all_pairs(np.concatenate([each.identities for each in found]))
    return roc(pairs.scores(embeddings), pairs.same).eer

"""`faceshards fscam` on shards and on images."""

import csv
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from image_files import encode
from parsers import tiny_weights
from torch import nn

import faceshards
from faceshards.cam import FSCAM
from faceshards.cam.explain import InputFormat
from faceshards.cli import main
from faceshards.parsing.parser import load_parser
from faceshards.source.demo import DemoRecipe, write_demo_zip

ALWAYS = {"scores.csv", "regions.svg", "identities.svg", "average.npy", "average.png", "overlays"}


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["fscam", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def scores_of(out: Path) -> tuple[list[list[str]], np.ndarray]:
    """The first three columns, and the scores."""
    rows = list(csv.reader((out / "scores.csv").read_text().splitlines()))[1:]
    return [r[:3] for r in rows], np.array([[float(v or "nan") for v in r[3:]] for r in rows], np.float32)


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 7, 7), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 16 * 16, 6)).eval()


@pytest.fixture(scope="module")
def model(network: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network as TorchScript."""
    path = tmp_path_factory.mktemp("model") / "net.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TorchScript's own, see load_model
        torch.jit.trace(network, torch.zeros(1, 3, 112, 112)).save(path)
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people of two aligned faces each, and one that is neither aligned nor has landmarks."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for place, name in enumerate(["bob/1.png", "ann/1.png", "bob/2.png", "ann/2.png", "ann/3.png"]):
        (folder / name).parent.mkdir(exist_ok=True)
        side = 112 if place < 4 else 64
        (folder / name).write_bytes(encode(rng.integers(0, 256, (side, side, 3), np.uint8)))
    return folder


@pytest.fixture
def own_module(network: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The network as an attribute of a module in the current folder."""
    (tmp_path / "own_net.py").write_text("network = None\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    import own_net

    own_net.network = network
    yield "own_net:network"
    del sys.modules["own_net"]


def test_shards_give_every_file_and_the_scores_of_fscam(
    small_run: Path, model: Path, network: nn.Module, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    code, text = run(
        small_run / "shards", out, "--split", "train", "--model", model, "--overlays", 3, "--device", "cpu"
    )
    assert code == 0, text
    faces = faceshards.open(small_run / "shards", split="train")
    batch = faces[:]
    about, scores = scores_of(out)
    assert [a[0] for a in about] == batch["sample_id"].tolist()
    inputs = InputFormat()(batch["image"])
    with torch.no_grad():
        predicted = network(inputs).argmax(1)
    assert [a[2] for a in about] == [str(c) for c in predicted.tolist()]
    expected = FSCAM(network).region_scores(inputs, regions=batch["region"])
    assert np.allclose(scores, expected, rtol=0, atol=1e-6, equal_nan=True)
    assert {path.name for path in out.iterdir()} == ALWAYS
    assert len(list((out / "overlays").iterdir())) == 3
    assert np.load(out / "average.npy").shape == (112, 112)
    assert f"{len(faces)} faces explained, 0 skipped" in text


def test_the_same_command_gives_the_same_bytes_whatever_form_the_model_has(
    small_run: Path, model: Path, own_module: str, tmp_path: Path
) -> None:
    for name, spec in (("a", model), ("b", model), ("c", own_module)):
        options = ("--split", "val", "--mode", "erase", "--baseline", "blur", "--target", 2, "--device", "cpu")
        assert run(small_run / "shards", tmp_path / name, "--model", spec, *options)[0] == 0
    for file in ("scores.csv", "average.npy"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert scores_of(tmp_path / "a")[0] == scores_of(tmp_path / "c")[0]
    assert np.allclose(scores_of(tmp_path / "a")[1], scores_of(tmp_path / "c")[1], atol=1e-6, equal_nan=True)


def test_aligned_photos_are_parsed_and_a_face_that_cannot_be_aligned_is_listed(
    photos: Path, model: Path, network: nn.Module, tmp_path: Path
) -> None:
    weights, out = tiny_weights(tmp_path), tmp_path / "out"
    options = ("--parser", weights, "--target", "identity", "--bgr", "--mean", "0,0,0", "--std", "1", "--device", "cpu")
    code, text = run(photos, out, "--model", model, *options)
    assert code == 0, text
    assert "4 faces explained, 1 skipped" in text
    about, scores = scores_of(out)
    people = [("ann/1", "ann", "0"), ("ann/2", "ann", "0"), ("bob/1", "bob", "1"), ("bob/2", "bob", "1")]
    assert [tuple(a) for a in about] == people
    assert "ann/3,no_face_found" in (out / "skipped.csv").read_text().replace('"', "")
    images = np.stack([cv2.imread(str(photos / f"{a[0]}.png")) for a in about])  # BGR, as the model wants it
    regions = load_parser(weights, "cpu").parse(np.ascontiguousarray(images[..., ::-1]))
    inputs = torch.from_numpy(images).movedim(-1, 1).float() / 255
    expected = FSCAM(network).region_scores(inputs, [0, 0, 1, 1], regions=regions)
    assert np.allclose(scores, expected, rtol=0, atol=1e-6, equal_nan=True)


def test_a_zip_of_frames_is_aligned_as_the_pipeline_does_it(small_run: Path, model: Path, tmp_path: Path) -> None:
    write_demo_zip(tmp_path / "demo.zip", DemoRecipe(seed=3, identities=5, views=2, size=256))  # as small_run's
    options = ("--model", model, "--target", 0, "--limit", 4, "--device", "cpu")
    assert run(tmp_path / "demo.zip", tmp_path / "out", *options)[0] == 0
    frames = {a[0]: row for a, row in zip(*scores_of(tmp_path / "out"), strict=True)}
    for split in ("train", "val"):
        assert run(small_run / "shards", tmp_path / split, "--split", split, *options[:4], "--device", "cpu")[0] == 0
        for (sample_id, *_), row in zip(*scores_of(tmp_path / split), strict=True):
            if sample_id in frames:
                assert np.allclose(frames.pop(sample_id), row, atol=1e-6, equal_nan=True)
    assert not frames


@pytest.mark.parametrize("target", ["identity-mean", "reference"])
def test_embeddings_are_explained_by_their_likeness(
    photos: Path, small_run: Path, model: Path, tmp_path: Path, target: str
) -> None:
    reference = ("--reference", photos / "ann/1.png") if target == "reference" else ("--target", target)
    options = (*reference, "--split", "train", "--model", model, "--device", "cpu")
    assert run(small_run / "shards", tmp_path / "out", *options)[0] == 0
    about, scores = scores_of(tmp_path / "out")
    assert {a[2] for a in about} == {target.replace("-", "_")}
    assert np.nanmax(np.abs(scores)) <= 1 + 1e-6


@pytest.fixture
def face_models(small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module of models in the current folder: an embedding, one logit, and one that breaks on a hidden copy."""
    (tmp_path / "face_models.py").write_text(
        """
import torch
from torch import nn

torch.manual_seed(0)


def net(outputs, *behind):
    return nn.Sequential(nn.AvgPool2d(16), nn.Flatten(), nn.Linear(147, outputs), *behind).eval()


raw = net(512, nn.BatchNorm1d(512))
raw.eval()
small = net(20, nn.BatchNorm1d(20))
unit = lambda x: nn.functional.normalize(raw(x))
one = net(1)
six = net(6)


def breaks(x):
    hidden = (x == 0).flatten(1).float().mean(1, keepdim=True) > 0.05
    return six(x).masked_fill(hidden, torch.nan)


def nothing(x):
    return six(x) / 0
"""
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield "face_models"
    sys.modules.pop("face_models", None)


@pytest.mark.parametrize("name", ["raw", "small", "unit"])
def test_an_embedding_predicts_no_class_by_default_and_the_message_has_the_remedies(
    small_run: Path, face_models: str, tmp_path: Path, name: str
) -> None:
    options = ("--split", "val", "--model", f"{face_models}:{name}", "--device", "cpu")
    for target in ((), ("--target", "predicted"), ("--target", "3"), ("--target", "identity")):
        code, text = run(small_run / "shards", tmp_path / "out", *options, *target)
        assert code == 1
        for remedy in ("CosineTarget", "--target identity-mean", "--reference", "--outputs logits"):
            assert remedy in " ".join(text.split())
        assert not (tmp_path / "out").exists()
    assert run(small_run / "shards", tmp_path / "out", *options, "--target", "identity-mean")[0] == 0


def test_who_knows_that_the_outputs_are_logits_says_so(small_run: Path, face_models: str, tmp_path: Path) -> None:
    options = ("--split", "val", "--model", f"{face_models}:raw", "--device", "cpu", "--outputs")
    assert run(small_run / "shards", tmp_path / "out", *options, "logits")[0] == 0
    code, text = run(small_run / "shards", tmp_path / "none", *options, "embeddings")
    assert code == 1
    assert "which predict no class" in " ".join(text.split())


def test_one_logit_is_explained_as_it_is(small_run: Path, face_models: str, tmp_path: Path) -> None:
    options = ("--split", "val", "--model", f"{face_models}:one", "--device", "cpu")
    code, text = run(small_run / "shards", tmp_path / "out", *options)
    assert code == 0, text
    about, scores = scores_of(tmp_path / "out")
    assert {a[2] for a in about} == {"logit"}
    batch = faceshards.open(small_run / "shards", split="val")[:]
    expected = FSCAM(sys.modules["face_models"].one).region_scores(
        InputFormat()(batch["image"]), regions=batch["region"]
    )
    assert np.allclose(scores, expected, atol=1e-6, equal_nan=True)
    code, text = run(small_run / "shards", tmp_path / "none", *options, "--target", "0")
    assert code == 1
    assert "class 0: the model has 1 output" in " ".join(text.split())


def test_scores_that_are_no_numbers_name_the_face_and_the_region(
    small_run: Path, face_models: str, tmp_path: Path
) -> None:
    options = (small_run / "shards", tmp_path / "out", "--split", "val", "--device", "cpu", "--target", "1", "--model")
    first = faceshards.open(small_run / "shards", split="val")[0]["sample_id"].item()
    for name, taught in (
        ("breaks", f"face {first!r}: partly hidden, with only"),
        ("nothing", f"face {first!r}: with nothing hidden, the model gives values that are no finite numbers"),
    ):
        code, text = run(*options, f"{face_models}:{name}")
        assert code == 1
        assert taught in " ".join(text.split())
        assert not (tmp_path / "out").exists()
    code, text = run(*options, f"{face_models}:nothing", "--target", "identity-mean")
    assert code == 1
    assert f"face {first!r}: with nothing hidden" in " ".join(text.split())


@pytest.mark.parametrize(
    ("arguments", "taught"),
    [
        (("shards", "--model", "none.pt", "--split", "val"), "none.pt: expected a model file"),
        (("shards", "--model", "MODEL"), "several splits; name one: train, val"),
        (("shards", "--model", "MODEL", "--split", "test"), "no split 'test'; it has: train, val"),
        (("parsed", "--model", "MODEL"), "no image"),
        (("source", "--model", "MODEL", "--split", "val"), "--split is for stores"),
        (
            ("shards", "--model", "MODEL", "--split", "val", "--parser", "bundled"),
            "--parser: for images",
        ),
        (("shards", "--model", "MODEL", "--split", "val", "--landmarks", "x.csv"), "--landmarks: for images"),
        (
            ("shards", "--model", "MODEL", "--split", "val", "--detector", "mesh"),
            "--detector: for images",
        ),
        (("nowhere", "--model", "MODEL"), "found nothing there"),
        (("shards", "--model", "MODEL", "--split", "val", "--target", "6"), "class 6: the model has 6 outputs"),
        (("shards", "--model", "MODEL", "--split", "val", "--target", "best"), "expected predicted, identity"),
        (("shards", "--model", "MODEL", "--split", "val", "--mean", "1,2"), "expected a number, or three"),
        (("shards", "--model", "MODEL", "--split", "val", "--reference", "no.jpg"), "image of a reference face"),
        (("shards", "--model", "MODEL", "--target", "1", "--reference", "no.jpg"), "leave --target out"),
        (("shards", "--model", "MODEL", "--split", "val", "--device", "abacus"), "unknown device 'abacus'"),
    ],
)
def test_what_cannot_be_explained_is_told_in_a_sentence_and_leaves_nothing(
    small_run: Path, model: Path, tmp_path: Path, arguments: tuple[str, ...], taught: str
) -> None:
    faces, *options = (str(model) if a == "MODEL" else a for a in arguments)
    code, text = run(small_run / faces, tmp_path / "out", *options)
    assert code != 0
    assert taught in " ".join(text.split())
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_is_there_is_not_overwritten(small_run: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    code, text = run(small_run / "shards", tmp_path, "--split", "val", "--model", model)
    assert code == 1
    assert "expected nothing there" in text
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]

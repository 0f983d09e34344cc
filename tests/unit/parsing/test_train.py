import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from parsers import PaintedFaces, tiny_network
from pydantic import ValidationError

from faceshards.errors import ParamsError, SourceFormatError, TrainingError, WeightsError
from faceshards.parsing.calibrate import likeliest_temperature, temperature_of
from faceshards.parsing.crops import FaceFiles, TrainingSource, held_out, labelled_face
from faceshards.parsing.data import AugmentedFaces
from faceshards.parsing.train import TrainParams, train
from faceshards.parsing.trainer import Trainer
from faceshards.parsing.weights import load_weights, save_weights

PARAMS = TrainParams(width=1 / 16, steps=4, batch_size=2, validate_every=2, validation_share=0.0, precision="fp32")


def _sources(n: int = 4, validation: frozenset[str] = frozenset({"000001"})) -> list[TrainingSource]:
    return [TrainingSource("painted", PaintedFaces(n), validation=validation)]


def _states(path: Path) -> dict[str, torch.Tensor]:
    return dict(load_weights(path).network.state_dict())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    out = tmp_path_factory.mktemp("run")
    train(_sources(), PARAMS, out, progress=False)
    return out


def test_weights_say_how_they_came_about(run: Path) -> None:
    metadata = load_weights(run / "weights.safetensors").metadata
    assert metadata["steps"] == "4"
    assert metadata["licence"] == "not stated"
    assert len(metadata["training_digest"]) == 64


def test_metrics_and_plots_are_written_for_dvc(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    assert set(metrics["painted"]) == {"step", "loss", "miou_25", "accuracy_25", "miou_19", "accuracy_19"}
    history = list(csv.DictReader((run / "history.csv").read_text().splitlines()))
    assert [row["step"] for row in history] == ["2", "4"]
    classes = list(csv.DictReader((run / "classes.csv").read_text().splitlines()))
    assert len(classes) == 25
    assert classes[21]["region"] == "hair"


def test_validation_faces_are_never_trained_on(run: Path) -> None:
    assert FaceFiles(run / "train").ids == ["000000", "000002", "000003"]
    assert FaceFiles(run / "validation").ids == ["000001"]


def test_a_killed_run_resumes_to_the_weights_of_one_never_killed(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = Trainer.update

    def dies(self: Trainer, images: torch.Tensor, regions: torch.Tensor) -> None:
        if self.step == 3:
            raise KeyboardInterrupt
        update(self, images, regions)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "update", dies)
        with pytest.raises(KeyboardInterrupt):
            train(_sources(), PARAMS, tmp_path, progress=False)
    train(_sources(), PARAMS, tmp_path, progress=False)
    for name in ("weights.safetensors", "history.csv", "metrics.json", "classes.csv"):
        assert (tmp_path / name).read_bytes() == (run / name).read_bytes(), name


def test_a_finished_run_is_left_as_it_is(run: Path) -> None:
    before = (run / "weights.safetensors").read_bytes()
    train(_sources(), PARAMS, run, progress=False)
    assert (run / "weights.safetensors").read_bytes() == before


def test_the_checkpoint_of_another_run_is_refused(run: Path) -> None:
    other = TrainParams(width=1 / 16, steps=9, batch_size=2, precision="fp32")
    with pytest.raises(ParamsError, match=r"checkpoint\.pt: expected .* found another's"):
        train(_sources(), other, run, progress=False)


def test_a_picture_that_changed_since_is_not_left_out_without_a_word(run: Path) -> None:
    other = [TrainingSource("painted", PaintedFaces(4, broken=3), validation=frozenset({"000001"}))]
    with pytest.raises(ParamsError, match=r"a picture, its labels or a list of validation faces has changed"):
        train(other, PARAMS, run, progress=False)


def test_weights_that_were_taken_from_a_finished_run_are_written_again(run: Path) -> None:
    before = (run / "weights.safetensors").read_bytes()
    (run / "weights.safetensors").unlink()
    train(_sources(), PARAMS, run, progress=False)
    assert (run / "weights.safetensors").read_bytes() == before


@pytest.mark.parametrize("now", [_sources(5), _sources(validation=frozenset({"000002"}))], ids=["other", "held out"])
def test_a_run_does_not_go_on_with_other_faces(run: Path, now: list[TrainingSource]) -> None:
    with pytest.raises(ParamsError, match=r"checkpoint\.pt: expected .* found another's"):
        train(now, PARAMS, run, progress=False)


def test_a_validation_face_that_the_source_has_not_is_named_and_nothing_is_trained_on(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"painted: validation: .* as \['000000'\]; found 1 .*: '1\.png'"):
        train(_sources(validation=frozenset({"1.png", "000002"})), PARAMS, tmp_path, progress=False)
    assert not list(tmp_path.iterdir())


def test_a_loss_that_is_no_number_ends_the_run_and_leaves_no_weights(tmp_path: Path) -> None:
    params = TrainParams(width=1 / 16, steps=2, batch_size=1, learning_rate=1e30, precision="fp32")
    with pytest.raises(TrainingError, match=r"found nan up to step 2.*lower `learning_rate` \(found 1e\+30\)"):
        train(_sources(), params, tmp_path, progress=False)
    assert not (tmp_path / "weights.safetensors").exists()


def test_weights_beyond_fp16_are_not_written(tmp_path: Path) -> None:
    network = tiny_network()
    network.conv0[1].running_var.fill_(7e4)
    with pytest.raises(WeightsError, match=r"up to 65,504; found others in conv0\.1\.running_var"):
        save_weights(network, tmp_path / "w.safetensors", {})
    assert not (tmp_path / "w.safetensors").exists()


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_that_is_no_share_is_refused(weight: float, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"painted: weight: expected a number above 0"):
        train([TrainingSource("painted", PaintedFaces(1), weight)], PARAMS, tmp_path, progress=False)


def test_two_sources_of_one_label_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"a `label` of its own; found \['painted', 'painted'\]"):
        train(_sources() + _sources(), PARAMS, tmp_path, progress=False)


def test_the_faces_to_validate_by_calibrate_the_weights(run: Path) -> None:
    weights = load_weights(run / "weights.safetensors")
    found = temperature_of(weights.network, FaceFiles(run / "validation"), torch.device("cpu"))
    assert found is not None
    assert weights.temperature == pytest.approx(found, rel=0.01)  # the file has fp16


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.5])
def test_the_temperature_is_what_made_the_logits_too_sure(factor: float) -> None:
    rng = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(4, 200, 200, generator=rng)
    drawn = logits.softmax(dim=0).reshape(4, -1).T.multinomial(1, generator=rng).reshape(200, 200)
    pairs = [(logits * factor, drawn.to(torch.uint8).numpy())]
    assert likeliest_temperature(pairs) == pytest.approx(factor, rel=0.02)


def test_a_run_may_start_from_weights_and_have_no_validation(run: Path, tmp_path: Path) -> None:
    initial = str(run / "weights.safetensors")
    still: dict[str, Any] = {"steps": 1, "batch_size": 2, "learning_rate": 1e-9, "ema_decay": 0.0, "precision": "fp32"}
    params = TrainParams(**still, initial=initial, licence="mine")
    train(_sources(validation=frozenset()), params, tmp_path, progress=False)
    weights = load_weights(tmp_path / "weights.safetensors")
    after = weights.network
    assert weights.metadata["licence"] == "mine; begun from weights under not stated"
    assert "temperature" not in weights.metadata
    assert torch.allclose(after.final.weight, load_weights(initial).network.final.weight, atol=1e-6)
    assert json.loads((tmp_path / "metrics.json").read_text())["painted"].keys() == {"step", "loss"}


def test_bf16_trains_too(tmp_path: Path) -> None:
    params = TrainParams(width=1 / 16, steps=1, batch_size=2, precision="bf16")
    assert train(_sources(), params, tmp_path, progress=False).is_file()


def test_a_face_that_cannot_be_used_is_left_out_and_told(tmp_path: Path) -> None:
    said: list[str] = []
    sources = [TrainingSource("painted", PaintedFaces(3, broken=1), validation=frozenset())]
    train(sources, replace(PARAMS, steps=1), tmp_path, False, said.append)
    faces = FaceFiles(tmp_path / "train")
    assert faces.ids == ["000000", "000002"]
    assert faces.left_out[0].reason == "unknown_image_format"
    assert faces.left_out[0].said.startswith("painted/1: unknown_image_format")
    assert said[0] == "painted: 2 faces to train on, 0 to validate by"
    assert said[1].startswith("painted: 1 left out: 1 unknown_image_format; such as painted/1: ")
    assert said[2].endswith("train/index.json and validation/index.json name all that are left out")
    assert said[3].startswith("no face to validate by: nothing will say how good")
    assert said[4].startswith("not calibrated")


def test_weights_to_begin_with_that_are_not_there_are_told_before_a_face_is_cut(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent\.pth: no such file"):
        train(_sources(), replace(PARAMS, network="efficientnet", encoder="absent.pth"), tmp_path, progress=False)
    assert not (tmp_path / "train").exists()


def test_no_usable_face_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceFormatError, match="none of 1 face can be trained on"):
        train([TrainingSource("painted", PaintedFaces(1, broken=0), validation=frozenset())], PARAMS, tmp_path, False)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"width": "full"}, {"momentum": 0.9}, {"ema_decay": 1.0}])
def test_params_out_of_range_or_unknown_raise(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        TrainParams(**wrong)


def test_faces_are_held_out_by_the_hash_of_their_id_whatever_else_is_there() -> None:
    few, many = (held_out(TrainingSource("p", PaintedFaces(n)), 0.25) for n in (200, 400))
    assert 0.15 < len(many) / 400 < 0.35
    assert few == {i for i in many if int(i) < 200}


def test_item_i_of_the_stream_depends_on_seed_and_i_alone(run: Path) -> None:
    one, two = (AugmentedFaces(FaceFiles(run / "train"), [1.0], seed=5) for _ in range(2))
    two[3], two[11]
    assert all(torch.equal(a, b) for a, b in zip(one[7], two[7], strict=True))
    assert not torch.equal(one[7][0], one[8][0])
    other = AugmentedFaces(FaceFiles(run / "train"), [1.0], seed=6)
    assert not torch.equal(one[7][0], other[7][0])


def test_the_crop_shows_the_aligned_face_in_its_middle() -> None:
    face = labelled_face(PaintedFaces(1), 0)
    crop, aligned = face.crop()[1], face.aligned()[1]
    # A crop has three pixels for two of the aligned face: the centre of every third is that of every second.
    assert np.array_equal(crop[29:196:3, 29:196:3][:, :55], aligned[1::2, 1::2][:, :55]) or (
        (crop[28:196:3, 28:196:3] == aligned[::2, ::2]).mean() > 0.9
    )

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from parsers import PaintedFaces
from pydantic import ValidationError

from faceshards.errors import ParamsError, SourceFormatError
from faceshards.parsing.crops import FaceFiles, TrainingSource, held_out, labelled_face
from faceshards.parsing.data import AugmentedFaces
from faceshards.parsing.train import TrainParams, train
from faceshards.parsing.trainer import Trainer
from faceshards.parsing.weights import load_weights

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
    assert metadata["licence"] == "unknown"
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
    resumed, whole = _states(tmp_path / "weights.safetensors"), _states(run / "weights.safetensors")
    assert all(torch.equal(resumed[k], v) for k, v in whole.items())
    assert (tmp_path / "history.csv").read_text() == (run / "history.csv").read_text()


def test_a_finished_run_is_left_as_it_is(run: Path) -> None:
    before = (run / "weights.safetensors").read_bytes()
    train(_sources(), PARAMS, run, progress=False)
    assert (run / "weights.safetensors").read_bytes() == before


def test_weights_that_were_taken_from_a_finished_run_are_written_again(run: Path) -> None:
    before = _states(run / "weights.safetensors")
    (run / "weights.safetensors").unlink()
    after = _states(train(_sources(), PARAMS, run, progress=False))
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_the_checkpoint_of_another_run_is_refused(run: Path) -> None:
    other = TrainParams(width=1 / 16, steps=9, batch_size=2, precision="fp32")
    with pytest.raises(ParamsError, match=r"checkpoint\.pt: expected .* found another's"):
        train(_sources(), other, run, progress=False)


@pytest.mark.parametrize("now", [_sources(5), _sources(validation=frozenset({"000002"}))], ids=["other", "held out"])
def test_a_run_does_not_go_on_with_other_faces(run: Path, now: list[TrainingSource]) -> None:
    with pytest.raises(ParamsError, match=r"checkpoint\.pt: expected .* found another's"):
        train(now, PARAMS, run, progress=False)


def test_a_validation_face_that_the_source_has_not_is_named_and_nothing_is_trained_on(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"painted: validation: .* as \['000000'\]; found 1 .*: '1\.png'"):
        train(_sources(validation=frozenset({"1.png", "000002"})), PARAMS, tmp_path, progress=False)
    assert not list(tmp_path.iterdir())


def test_a_run_may_start_from_weights_and_have_no_validation(run: Path, tmp_path: Path) -> None:
    initial = str(run / "weights.safetensors")
    params = TrainParams(steps=1, batch_size=2, learning_rate=1e-9, ema_decay=0.0, initial=initial, precision="fp32")
    train(_sources(validation=frozenset()), params, tmp_path, progress=False)
    after = load_weights(tmp_path / "weights.safetensors").network
    assert torch.allclose(after.final.weight, load_weights(initial).network.final.weight, atol=1e-6)
    assert json.loads((tmp_path / "metrics.json").read_text())["painted"].keys() == {"step", "loss"}


def test_bf16_trains_too(tmp_path: Path) -> None:
    params = TrainParams(width=1 / 16, steps=1, batch_size=2, precision="bf16")
    assert train(_sources(), params, tmp_path, progress=False).is_file()


def test_a_face_that_cannot_be_used_is_skipped_and_noted(tmp_path: Path) -> None:
    train([TrainingSource("painted", PaintedFaces(3, broken=1), validation=frozenset())], PARAMS, tmp_path, False)
    faces = FaceFiles(tmp_path / "train")
    assert faces.ids == ["000000", "000002"]
    assert "painted/1: unknown_image_format" in faces.skipped[0]


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

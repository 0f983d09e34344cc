"""Train the parser: one call that can be killed at any time and goes on where it stood."""

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from faceshards.counted import counted
from faceshards.errors import ParamsError, SourceFormatError
from faceshards.parsing.crops import CROP_SIZE, FaceFiles, LabelledFace, Row, TrainingSource, held_out, write_faces
from faceshards.parsing.data import AugmentedFaces
from faceshards.parsing.device import resolve_device
from faceshards.parsing.history import History
from faceshards.parsing.trainer import Trainer
from faceshards.parsing.trainparams import TrainParams
from faceshards.parsing.unet import SIZE
from faceshards.parsing.weights import save_weights
from faceshards.store.durable import write_file

__all__ = ["TrainParams", "TrainingSource", "train"]


def train(sources: Sequence[TrainingSource], params: TrainParams, out: Path, progress: bool = True) -> Path:
    """Train a parser; call it again with the same arguments to go on after a kill.

    `out` then holds ``weights.safetensors`` (the average of the weights over training, fp16), ``metrics.json``,
    ``history.csv`` and ``classes.csv`` (for ``dvc metrics`` and ``dvc plots``), ``checkpoint.pt``, and the faces as cut
    in ``train/`` and ``validation/``. On one CPU with one number of threads, a resumed run ends in the same weights as
    one that was never stopped.

    Args:
        sources: labelled faces, mixed by weight.
        params: how.
        out: made if it is not there.
        progress: show bars.

    Returns:
        The path of the weights.

    Raises:
        SourceFormatError: no face can be trained on.
        ParamsError: `out` holds the checkpoint of a run with other params or other faces, or a list of validation faces
            names some that its source has not.
        WeightsError: `params.initial` does not fit.
        DeviceError: `params.device` is not there.
    """
    device = resolve_device(params.device)
    checkpoint = out / "checkpoint.pt"
    rows = _rows(sources, params.validation_share)
    digest = _digest(params, sources, rows)
    faces, validation = _faces(rows, out, progress, reuse=checkpoint.exists())
    trainer, history = Trainer(params, faces, device), History([s.label for s in sources])
    if checkpoint.exists():
        _resume(checkpoint, trainer, history, digest)
    loader = DataLoader(
        AugmentedFaces(faces, [s.weight for s in sources], params.seed),
        batch_size=params.batch_size,
        sampler=range(trainer.step * params.batch_size, params.steps * params.batch_size),
        num_workers=params.workers,
        pin_memory=device.type == "cuda",
    )
    weights = out / "weights.safetensors"
    with tqdm(total=params.steps, initial=trainer.step, desc="train", unit="step", disable=not progress) as bar:
        for images, regions in loader:
            trainer.update(images, regions)
            bar.update()
            if trainer.step % params.validate_every and trainer.step < params.steps:
                continue
            history.add(trainer.step, trainer.mean_loss(), trainer.validate(validation, len(sources)))
            bar.set_postfix_str(history.summary())
            history.write(out)
            _save_weights(weights, trainer, params, digest)
            _save(checkpoint, trainer, history, digest)
    if not weights.is_file():  # of a finished run, from which somebody took them
        _save_weights(weights, trainer, params, digest)
    return weights


def _rows(sources: Sequence[TrainingSource], share: float) -> tuple[list[Row], list[Row]]:
    """The faces to train on, and those to validate on."""
    rows: tuple[list[Row], ...] = [], []
    for group, source in enumerate(sources):
        aside = held_out(source, share)
        for i in range(len(source.source)):
            rows[source.source.face(i).sample_id in aside].append((group, source.source, i))
    return rows[0], rows[1]


def _faces(rows: tuple[list[Row], list[Row]], out: Path, progress: bool, *, reuse: bool) -> tuple[FaceFiles, FaceFiles]:
    """The same as cut; as a run that is resumed cut them, or anew."""
    folders = out / "train", out / "validation"
    if reuse:
        return FaceFiles(folders[0]), FaceFiles(folders[1])
    faces = write_faces(folders[0], rows[0], LabelledFace.crop, CROP_SIZE, progress)
    if not len(faces):
        raise SourceFormatError(
            f"none of {counted(len(rows[0]), 'face')} can be trained on; "
            f"expected images with labels and landmarks, found: {faces.skipped[:3]}"
        )
    return faces, write_faces(folders[1], rows[1], LabelledFace.aligned, SIZE, progress)


def _digest(params: TrainParams, sources: Sequence[TrainingSource], rows: tuple[list[Row], list[Row]]) -> str:
    """SHA-256 of all that decides what the weights become, but for the code."""
    mixture = [(s.label, s.weight) for s in sources]
    sink = hashlib.sha256(json.dumps([asdict(params), mixture, len(rows[0])], sort_keys=True).encode())
    for group, source, i in chain(*rows):
        sink.update(json.dumps([group, source.face(i).sample_id, source.digest(i).hex()]).encode())
    return sink.hexdigest()


def _save_weights(weights: Path, trainer: Trainer, params: TrainParams, digest: str) -> None:
    about = {"licence": params.licence, "date": datetime.now(UTC).date().isoformat()}
    save_weights(trainer.average, weights, {**about, "steps": str(trainer.step), "training_digest": digest})


def _save(checkpoint: Path, trainer: Trainer, history: History, digest: str) -> None:
    file = io.BytesIO()
    torch.save({"digest": digest, "history": history.rows, "trainer": trainer.state_dict()}, file)
    write_file(checkpoint, file.getvalue())


def _resume(checkpoint: Path, trainer: Trainer, history: History, digest: str) -> None:
    content = torch.load(checkpoint, map_location=trainer.device, weights_only=True)
    if content["digest"] != digest:
        raise ParamsError(
            f"{checkpoint}: expected the checkpoint of a run with these params and faces, found another's; "
            "train into another folder, or delete this one (`initial` starts from its weights)"
        )
    trainer.load_state_dict(content["trainer"])
    history.rows = content["history"]

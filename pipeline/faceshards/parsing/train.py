"""Train the parser: one call that can be killed at any time and goes on where it stood."""

import hashlib
import io
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from faceshards.counted import counted
from faceshards.errors import ParamsError, SourceFormatError, TrainingError
from faceshards.parsing.calibrate import temperature_of
from faceshards.parsing.crops import CROP_SIZE, FaceFiles, LabelledFace, Row, TrainingSource, held_out, write_faces
from faceshards.parsing.data import AugmentedFaces
from faceshards.parsing.device import resolve_device
from faceshards.parsing.history import History
from faceshards.parsing.trainer import Trainer, initial_network
from faceshards.parsing.trainparams import TrainParams
from faceshards.parsing.unet import SIZE
from faceshards.parsing.weights import load_weights, save_weights
from faceshards.store.durable import write_file

__all__ = ["TrainParams", "TrainingSource", "train"]

_Rows: TypeAlias = tuple[list[Row], list[Row]]
"""Faces to train on, and to validate by."""


def train(
    sources: Sequence[TrainingSource],
    params: TrainParams,
    out: Path,
    progress: bool = True,
    tell: Callable[[str], object] = lambda _: None,
) -> Path:
    """Train a parser; call it again with the same arguments to go on after a kill.

    `out` then holds ``weights.safetensors`` (the average of the weights over training, fp16), ``metrics.json``,
    ``history.csv`` and ``classes.csv`` (for ``dvc metrics`` and ``dvc plots``), ``checkpoint.pt``, and the faces as cut
    in ``train/`` and ``validation/``, whose ``index.json`` also has those left out. On one CPU with one number of
    threads, a resumed run ends in the same files as one that was never stopped.

    At the end the validation faces give the temperature of the weights, see `calibrate.temperature_of`.

    Args:
        sources: labelled faces, mixed by weight.
        params: how.
        out: made if it is not there.
        progress: show bars.
        tell: takes lines that say what is trained on, what is left out, and what the weights lack.

    Returns:
        The path of the weights.

    Raises:
        SourceFormatError: no face can be trained on.
        ParamsError: labels are no names or not unique, weights are no share, an id for validation is no face's, or
            `out` holds the checkpoint of a run with other params or other faces.
        TrainingError: the loss is no number any more.
        WeightsError: `params.initial` does not fit.
        DeviceError: `params.device` is not there.
    """
    _check(sources)
    device = resolve_device(params.device)
    checkpoint, weights = out / "checkpoint.pt", out / "weights.safetensors"
    rows = _rows(sources, params.validation_share)
    digest = _digest(params, sources, rows)
    content = _load(checkpoint, digest) if checkpoint.exists() else None
    network, licence = initial_network(params), _licence(params) if content is None else content["licence"]
    faces, validation = _cut(rows, out, progress) if content is None else _cut_before(out)
    for line in _said(sources, faces, validation, out):
        tell(line)
    trainer, history = Trainer(params, faces, device, network), History([s.label for s in sources])
    if content is not None:
        trainer.load_state_dict(content["trainer"])
        history.rows = content["history"]
    loader = DataLoader(
        AugmentedFaces(faces, [s.weight for s in sources], params.seed),
        batch_size=params.batch_size,
        sampler=range(trainer.step * params.batch_size, params.steps * params.batch_size),
        num_workers=params.workers,
        pin_memory=device.type == "cuda",
    )

    ending: list[str] = []  # told when the bar is gone

    def keep() -> None:
        about = {"licence": licence, "steps": str(trainer.step), "training_digest": digest}
        if trainer.step == params.steps:
            temperature = temperature_of(trainer.average, validation, device)
            about |= {} if temperature is None else {"temperature": f"{temperature:g}"}
            ending.append(_calibration(temperature))
        save_weights(trainer.average, weights, about)

    with tqdm(total=params.steps, initial=trainer.step, desc="train", unit="step", disable=not progress) as bar:
        for images, regions in loader:
            trainer.update(images, regions)
            bar.update()
            if trainer.step % params.validate_every and trainer.step < params.steps:
                continue
            loss = trainer.mean_loss()
            if not math.isfinite(loss):
                raise TrainingError(
                    f"{out}: expected a loss that is a number; found {loss} up to step {trainer.step}. Weights and "
                    f"checkpoint are those of before; lower `learning_rate` (found {params.learning_rate:g}) and train "
                    "into another folder"
                )
            history.add(trainer.step, loss, trainer.validate(validation, len(sources)))
            bar.set_postfix_str(history.summary())
            history.write(out)
            keep()
            _save(checkpoint, trainer, history, digest, licence)
    if not weights.is_file():  # removed since the run was done
        keep()
    for line in ending:
        tell(line)
    return weights


def _check(sources: Sequence[TrainingSource]) -> None:
    labels = [source.label for source in sources]
    if not labels or len(set(labels)) != len(labels) or not all(labels):
        raise ParamsError(f"sources: expected one or more, each with a `label` of its own; found {labels}")
    for source in sources:
        if not 0 < source.weight < math.inf:
            raise ParamsError(f"sources: {source.label}: weight: expected a number above 0; found {source.weight}")


def _rows(sources: Sequence[TrainingSource], share: float) -> _Rows:
    """The faces that are asked for: those to train on, and those to validate by."""
    rows: _Rows = [], []
    for group, source in enumerate(sources):
        aside = held_out(source, share)
        for i in range(len(source.source)):
            rows[source.source.face(i).sample_id in aside].append((group, source.source, i))
    return rows


def _cut(rows: _Rows, out: Path, progress: bool) -> tuple[FaceFiles, FaceFiles]:
    faces = write_faces(out / "train", rows[0], LabelledFace.crop, CROP_SIZE, progress)
    if not len(faces):
        raise SourceFormatError(
            f"none of {counted(len(rows[0]), 'face')} can be trained on, and {len(rows[1])} were kept for validation; "
            f"expected images with labels and landmarks, found: {[face.said for face in faces.left_out[:3]]}"
        )
    return faces, write_faces(out / "validation", rows[1], LabelledFace.aligned, SIZE, progress)


def _cut_before(out: Path) -> tuple[FaceFiles, FaceFiles]:
    return FaceFiles(out / "train"), FaceFiles(out / "validation")


def _said(sources: Sequence[TrainingSource], faces: FaceFiles, validation: FaceFiles, out: Path) -> list[str]:
    """What there is to train on, a source a line, and what is missing."""
    lines = []
    for group, source in enumerate(sources):
        trained, judging = (int((of.groups == group).sum()) for of in (faces, validation))
        lines.append(f"{source.label}: {counted(trained, 'face')} to train on, {judging:,} to validate by")
        left_out = [face for of in (faces, validation) for face in of.left_out if face.group == group]
        if left_out:
            reasons = ", ".join(f"{n:,} {reason}" for reason, n in Counter(f.reason for f in left_out).most_common())
            lines.append(f"{source.label}: {len(left_out):,} left out: {reasons}; such as {left_out[0].said}")
    if any(of.left_out for of in (faces, validation)):
        lines.append(f"{out}/train/index.json and validation/index.json name all that are left out")
    if not len(validation):
        lines.append(
            "no face to validate by: nothing will say how good the weights are. Give a source a `validation` list, or "
            "set a greater `validation_share`"
        )
    return lines


def _calibration(temperature: float | None) -> str:
    if temperature is None:
        return "not calibrated, for want of faces to validate by: `confidence` is not the share that is right"
    return f"temperature {temperature:g}, by the faces to validate by: `confidence` is calibrated to such faces"


def _licence(params: TrainParams) -> str:
    """Of the data, and of the weights that the run begins from, whose terms do not end with it."""
    if params.initial is None:
        return params.licence
    return f"{params.licence}; begun from weights under {load_weights(params.initial).licence}"


def _digest(params: TrainParams, sources: Sequence[TrainingSource], rows: _Rows) -> str:
    """SHA-256 of all that decides what the weights become, but for the code."""
    mixture = [(s.label, s.weight) for s in sources]
    content = hashlib.sha256(json.dumps([asdict(params), mixture], sort_keys=True).encode())
    for part in rows:
        content.update(f"{len(part)}\n".encode())
        for group, source, i in part:
            content.update(f"{group} {source.face(i).sample_id} {source.digest(i).hex()}\n".encode())
    return content.hexdigest()


def _save(checkpoint: Path, trainer: Trainer, history: History, digest: str, licence: str) -> None:
    file = io.BytesIO()
    state = {"digest": digest, "licence": licence, "history": history.rows, "trainer": trainer.state_dict()}
    torch.save(state, file)
    write_file(checkpoint, file.getvalue())


def _load(checkpoint: Path, digest: str) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
    if content["digest"] != digest:
        raise ParamsError(
            f"{checkpoint}: expected the checkpoint of a run with these params and faces, found another's: a param, a "
            "picture, its labels or a list of validation faces has changed since. Train into another folder, or delete "
            "this one (`initial` starts from its weights)"
        )
    return content

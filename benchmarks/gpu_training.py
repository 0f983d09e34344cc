"""The parser's network trained for three minutes on what travels with the repository, and on faces that are given."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from gpu_check import Context
from gpu_faces import Frames, frames
from gpu_steps import InMemory, train_params
from gpu_weights import weights_of
from torch.utils.data import DataLoader

from faceshards.errors import BadSampleError
from faceshards.parsing.crops import Cut, LabelledFace, labelled_face
from faceshards.parsing.data import AugmentedFaces
from faceshards.parsing.evaluate import scores
from faceshards.parsing.trainer import Trainer
from faceshards.parsing.unet import SIZE
from faceshards.parsing.weights import load_weights

_SECONDS, _AROUND = 180, 20
_MOST_GIVEN = 3000
_PROBE = 12
_AHEAD = 3


def check(context: Context) -> None:
    """The encoder begins as bundled, the rest anew; people who are validated on are never trained on."""
    cv2.setNumThreads(0)  # its threads would not live on in a fork
    seconds = context.pick(min(_SECONDS, context.left() - _AROUND), 4)
    of_train, of_validation = _faces(context)
    context.notes.fact("faces to train on", len(of_train))
    context.notes.fact("faces to validate on, of other people", len(of_validation))
    batch = context.pick(64, 2)
    workers = context.pick(_workers(batch), 0)
    # An epoch without end. Its workers start before CUDA does, for they are forks.
    stream = DataLoader(
        AugmentedFaces(of_train, [1.0], 0), batch, sampler=range(10**7), num_workers=workers,
        pin_memory=context.device == "cuda", prefetch_factor=_AHEAD if workers else None,
        worker_init_fn=_one_thread if workers else None, multiprocessing_context="fork" if workers else None,
    )  # fmt: skip
    batches = iter(stream)
    next(batches)
    initial = _initial(context)
    steps = _affordable(context, of_train, batches, initial, batch, seconds)
    device = torch.device(context.device)
    trainer = Trainer(train_params(initial, steps, "bf16", batch, 0.25), of_train, device)
    before = scores(trainer.validate(of_validation, 1)[0])
    begun, waited, losses = time.perf_counter(), 0.0, []
    while trainer.step < steps and time.perf_counter() - begun < 1.1 * seconds:
        asked = time.perf_counter()
        images, regions = next(batches)
        waited += time.perf_counter() - asked
        trainer.update(images, regions)
        if trainer.step % max(1, steps // 10) == 0:
            losses.append(trainer.mean_loss())
            context.notes.row("loss", step=trainer.step, loss=losses[-1], seconds=time.perf_counter() - begun)
    after = scores(trainer.validate(of_validation, 1)[0])
    wall = time.perf_counter() - begun
    context.notes.fact("seconds", wall)
    context.notes.fact("steps", f"{trainer.step} of {steps}, of {batch} faces")
    context.notes.fact("faces a second", trainer.step * batch / wall)
    context.notes.fact("share of the time that it waited for faces", f"{waited / wall:.1%}")
    context.notes.fact("accuracy before and after", [before.pixel_accuracy, after.pixel_accuracy])
    found = f"{before.miou:.3f} to {after.miou:.3f}"
    holds = after.miou >= 0.6 if seconds >= 0.8 * _SECONDS else None
    context.notes.claim("mIoU of 25 regions on people never shown", "0.6 at least", found, holds)
    if context.weights_out is not None:
        context.weights_out.parent.mkdir(parents=True, exist_ok=True)
        torch.save({k: v.half().cpu() for k, v in trainer.average.state_dict().items()}, context.weights_out)
        context.notes.fact("kept as", context.weights_out.name)


def _workers(batch: int) -> int:
    """A core each but for one, and no more than the memory that they share with this process holds batches of."""
    room = os.statvfs("/dev/shm")
    each = (_AHEAD + 1) * batch * SIZE * SIZE * 4
    return min(max(1, (os.cpu_count() or 2) - 1), int(0.8 * room.f_bavail * room.f_frsize / each))


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(0)


def _affordable(
    context: Context, faces: InMemory, batches: Iterator[list[torch.Tensor]], initial: str, batch: int, seconds: float
) -> int:
    """How many steps fit; the learning rate is to end when the time does."""
    if context.dry:
        return 2
    trainer = Trainer(train_params(initial, 1000, "bf16", batch), faces, torch.device(context.device))
    for _ in range(_PROBE):  # the first ones choose algorithms
        trainer.update(*next(batches))
    torch.cuda.synchronize()
    begun = time.perf_counter()
    for _ in range(2 * _PROBE):
        trainer.update(*next(batches))
    torch.cuda.synchronize()
    each = (time.perf_counter() - begun) / (2 * _PROBE)
    return max(50, int(seconds / each))


def _initial(context: Context) -> str:
    """The bundled network with every layer outside its encoder as torch begins them, in a file."""
    torch.manual_seed(0)
    network = load_weights(weights_of(context)).network
    encoder = {id(module) for part in network.encoder() for module in part.modules()}
    for module in network.modules():
        if id(module) not in encoder and hasattr(module, "reset_parameters"):
            module.reset_parameters()
    path = context.work / "initial.pth"
    torch.save(network.state_dict(), path)
    return str(path)


def _faces(context: Context) -> tuple[InMemory, InMemory]:
    """Crops to train on and aligned faces to validate on; every sixth person is kept apart, or every sixth face."""
    rendered = frames(context)
    of_train, of_validation = _cut(rendered, rendered.who % 6 != 5), _cut(rendered, rendered.who % 6 == 5, aligned=True)
    if not of_validation:  # so few people in a dry run
        of_validation = _cut(rendered, rendered.who == 0, aligned=True)
    if context.source is not None:
        given, aside = _given(context, context.source)
        of_train += given
        of_validation = aside or of_validation
    return tuple(InMemory(*map(np.stack, zip(*cuts, strict=True))) for cuts in (of_train, of_validation))


def _cut(rendered: Frames, those: np.ndarray, *, aligned: bool = False) -> list[Cut]:
    found = []
    for row in np.flatnonzero(those):
        face = LabelledFace(rendered.images[row], rendered.regions[row], rendered.matrices[row])
        found.append(face.aligned() if aligned else face.crop())
    return found


def _given(context: Context, path: Path) -> tuple[list[Cut], list[Cut]]:
    """Faces of a source that have truth, every sixth kept apart; as many as fit in a third of the time."""
    from faceshards.source.open import open_source

    source, begun = open_source(path), time.perf_counter()
    cuts: tuple[list[Cut], list[Cut]] = [], []
    for index in range(min(len(source), _MOST_GIVEN)):
        try:
            face = labelled_face(source, index)
        except BadSampleError:
            continue
        cuts[index % 6 == 5].append(face.aligned() if index % 6 == 5 else face.crop())
        if time.perf_counter() - begun > context.pick(15, 2):
            context.notes.leave_out(f"{path.name} behind face {index}: reading took long enough")
            break
    context.notes.fact(f"faces of {path.name}", sum(map(len, cuts)))
    return cuts

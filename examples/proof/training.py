"""One training: a net of the same first weights in every arm, its faces in the same order."""

import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from time import process_time
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from examples.proof.arms import TrainingFaces
from examples.proof.settings import Settings
from examples.recognition.heads import ArcFaceHead, SoftmaxHead
from examples.recognition.nets import NETS, IResNet

HeadName: TypeAlias = Literal["softmax", "arcface"]
Forward: TypeAlias = Callable[[Tensor], Tensor]


@dataclass
class Trained:
    """A net and how it came to be.

    Attributes:
        net: on the device, in eval mode.
        losses: mean cross-entropy of each epoch.
        correct: share of the training faces of the last epoch whose own person had the highest score, margin and all.
        seconds: of processor time.
    """

    net: IResNet
    losses: list[float]
    correct: float
    seconds: float


def train(
    faces: TrainingFaces, people: int, head: HeadName, settings: Settings, checkpoint: Path | None = None, every: int = 4
) -> Trained:
    """Train a net.

    Args:
        faces: what is trained on.
        people: how many are on them.
        head: what the net loses at the end.
        settings: all else.
        checkpoint: a file written after every `every` epochs; a training that was stopped goes on from it. It is removed at
            the end by who keeps the result.
    """
    device = faces.labels.device
    net, forward = runnable(settings, device.type)
    with torch.random.fork_rng():
        torch.manual_seed(faces.seed)
        net.load_state_dict(IResNet(NETS[settings.net], settings.dropout).state_dict())
        top = make_head(head, NETS[settings.net].embedding, people, settings).to(device)
    parameters = [*net.parameters(), *top.parameters()]
    for parameter in parameters:
        parameter.grad = None
    optimizer = torch.optim.SGD(parameters, settings.lr, 0.9, weight_decay=settings.weight_decay, nesterov=True)
    parts = {"net": net, "head": top, "optimizer": optimizer}
    state = {"epoch": 0, "losses": [], "correct": 0.0, "seconds": 0.0}
    if checkpoint is not None and checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(state[name])
    losses, correct, before = state["losses"], state["correct"], state["seconds"]
    started = process_time()
    steps = settings.epochs * faces.batches
    for epoch in range(state["epoch"], settings.epochs):
        net.train()
        total, right = torch.zeros((), device=device), torch.zeros((), device=device)
        with torch.random.fork_rng():
            torch.manual_seed(hash((faces.seed, epoch)) % 2**31)  # dropout
            for batch, (images, labels) in enumerate(faces.epoch(epoch)):
                rate = learning_rate(epoch * faces.batches + batch, steps, settings.warmup * faces.batches)
                for group in optimizer.param_groups:
                    group["lr"] = settings.lr * rate
                logits = top(forward(images).float(), labels)
                loss = F.cross_entropy(logits, labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.detach()
                right += (logits.detach().argmax(1) == labels).float().mean()
        losses.append(round(float(total) / faces.batches, 4))
        correct = float(right) / faces.batches
        if checkpoint is not None and (epoch + 1) % every == 0 and epoch + 1 < settings.epochs:
            _save(
                checkpoint,
                {"epoch": epoch + 1, "losses": losses, "correct": correct, "seconds": before + process_time() - started}
                | {name: part.state_dict() for name, part in parts.items()},
            )
    return Trained(net.eval(), losses, correct, before + process_time() - started)


def learning_rate(step: int, steps: int, warmup: int) -> float:
    """Its share of the peak: a straight rise over `warmup` steps, then half a cosine down to 0."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def make_head(name: HeadName, embedding: int, people: int, settings: Settings) -> nn.Module:
    """Class scores with fresh weights."""
    if name == "softmax":
        return SoftmaxHead(embedding, people)
    return ArcFaceHead(embedding, people, settings.scale, settings.margin)


def runnable(settings: Settings, device: str = "cpu") -> tuple[IResNet, Forward]:
    """A net and the way to run it. One of each kind a process, whose weights each training replaces: to compile takes a minute."""
    return _runnable(settings.net, settings.dropout, settings.bf16, settings.compiled, device)


@lru_cache
def _runnable(name: str, dropout: float, bf16: bool, compiled: bool, device: str) -> tuple[IResNet, Forward]:  # noqa: FBT001
    net = IResNet(NETS[name], dropout).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    inner: Forward = torch.compile(net) if compiled else net

    def forward(images: Tensor) -> Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            return inner(images.contiguous(memory_format=torch.channels_last))

    return net, forward


def _save(path: Path, state: dict[str, object]) -> None:
    partial = path.with_name(f"{path.name}.partial")
    torch.save(state, partial)
    os.replace(partial, path)

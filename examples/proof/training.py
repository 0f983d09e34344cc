"""One training: a net of the same first weights in every arm, its faces in the same order."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from time import process_time
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from examples.proof.arms import TrainingFaces
from examples.proof.settings import Settings
from examples.recognition.heads import ArcFaceHead, SoftmaxHead
from examples.recognition.nets import NETS, IResNet
from examples.recognition.train import HeadName, seeded
from faceshards.errors import ParamsError
from faceshards.store.durable import written_whole

Forward: TypeAlias = Callable[[Tensor], Tensor]
Parts: TypeAlias = dict[str, nn.Module | torch.optim.Optimizer]


@dataclass
class Progress:
    """How far a training is.

    Attributes:
        losses: mean cross-entropy of each epoch.
        correct: share of the training faces of the last epoch whose own person had the highest score, margin and all.
        seconds: of processor time.
    """

    losses: list[float] = field(default_factory=list)
    correct: float = 0.0
    seconds: float = 0.0


def train(
    faces: TrainingFaces,
    people: int,
    head: HeadName,
    settings: Settings,
    checkpoint: Path | None = None,
    every: int = 4,
) -> tuple[IResNet, Progress]:
    """Train a net.

    Args:
        faces: what is trained on.
        people: how many are on them.
        head: what the net loses at the end.
        settings: all else.
        checkpoint: a file; a training that was stopped goes on from it. Who keeps the result removes it.
        every: so many epochs it is written.

    Returns:
        The net, in eval mode, which the next training of this process overwrites; and how it went.
    """
    device = faces.labels.device
    net, forward = runnable(settings, device)
    with seeded(faces.seed):
        net.load_state_dict(IResNet(NETS[settings.net], settings.dropout).state_dict())
        top = make_head(head, NETS[settings.net].embedding, people, settings).to(device)
    parameters = [*net.parameters(), *top.parameters()]
    for parameter in parameters:
        parameter.grad = None
    optimizer = torch.optim.SGD(parameters, settings.lr, 0.9, weight_decay=settings.weight_decay, nesterov=True)
    parts: Parts = {"net": net, "head": top, "optimizer": optimizer}
    of = {"settings": asdict(settings), "people": people, "faces": faces.held.digest if checkpoint else ""}
    done = _resume(checkpoint, parts, of)
    started = process_time() - done.seconds
    steps = settings.epochs * faces.batches
    for epoch in range(len(done.losses), settings.epochs):
        net.train()
        total, right = torch.zeros((), device=device), torch.zeros((), device=device)
        with seeded(faces.seed * 10_000 + epoch):  # dropout
            for batch, (images, labels) in enumerate(faces.epoch(epoch)):
                rate = learning_rate(epoch * faces.batches + batch, steps, settings.warmup * faces.batches)
                for group in optimizer.param_groups:
                    group["lr"] = settings.lr * rate
                logits = top(forward(images).float(), labels)
                loss = F.cross_entropy(logits, labels)
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
                total += loss.detach()
                right += (logits.detach().argmax(1) == labels).float().mean()
        done.losses.append(round(float(total) / faces.batches, 4))
        done.correct = float(right) / faces.batches
        done.seconds = process_time() - started
        if checkpoint is not None and (epoch + 1) % every == 0 and epoch + 1 < settings.epochs:
            state = asdict(done) | {"of": of}
            with written_whole(checkpoint) as file:
                torch.save(state | {name: part.state_dict() for name, part in parts.items()}, file)
    return net.eval(), done


def _resume(checkpoint: Path | None, parts: Parts, of: dict[str, Any]) -> Progress:
    """Load what a training that was stopped left."""
    if checkpoint is None or not checkpoint.exists():
        return Progress()
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    if (found := state.pop("of")) != of:
        raise ParamsError(
            f"{checkpoint} is of a training of other settings or faces ({found}, not {of}); remove it, or go back "
            "to them"
        )
    for name, part in parts.items():
        part.load_state_dict(state.pop(name))
    return Progress(**state)


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


def runnable(settings: Settings, device: torch.device | str = "cpu") -> tuple[IResNet, Forward]:
    """A net and the way to run it: one of each kind, whose weights each training replaces, for compiling takes long."""
    one = torch.empty(0, device=device).device  # "cuda" and "cuda:0" are one device, and have one net
    return _runnable(settings.net, settings.dropout, settings.bf16, settings.compiled, one)


@lru_cache
def _runnable(name: str, dropout: float, bf16: bool, compiled: bool, device: torch.device) -> tuple[IResNet, Forward]:
    net = IResNet(NETS[name], dropout).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    inner: Forward = torch.compile(net) if compiled else net

    def forward(images: Tensor) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            return inner(images.contiguous(memory_format=torch.channels_last))

    return net, forward

"""Training steps on a GPU: the parser's, and those of a small recognition net with FSErasing before it."""

import copy
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from gpu_check import Context
from gpu_faces import Crops, crops
from gpu_timing import seconds_of
from gpu_weights import weights_of
from torch import Tensor
from torch.nn.functional import cross_entropy

from faceshards.parsing.trainer import Trainer
from faceshards.parsing.weights import load_weights
from faceshards.transforms import FSErasing


class InMemory:
    """Faces in the form that training takes: (S, S, 3) and (S, S) uint8, all of one source.

    Args:
        images: (N, S, S, 3) uint8.
        regions: (N, S, S) uint8.
    """

    def __init__(self, images: np.ndarray, regions: np.ndarray) -> None:
        self._images, self._regions = images, regions
        self.ids = [str(i) for i in range(len(images))]
        self.groups = np.zeros(len(images), np.int64)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, row: int | slice) -> tuple[np.ndarray, np.ndarray]:
        return self._images[row], self._regions[row]


def train_params(initial: str, steps: int, precision: str, batch: int, encoder_rate: float = 1.0) -> SimpleNamespace:
    """What `Trainer` asks of `TrainParams`, which needs pydantic; values as its defaults."""
    return SimpleNamespace(
        initial=initial, steps=steps, precision=precision, batch_size=batch, learning_rate=2e-3, weight_decay=0.01,
        ema_decay=0.999, dice_weight=1.0, encoder_rate=encoder_rate, seed=0,
    )  # fmt: skip


def check(context: Context) -> None:
    given = crops(context, context.pick(256, 8), seed=5)
    _parser_step(context, given)
    _recognition_step(context, given)


def _parser_step(context: Context, given: Crops) -> None:
    faces, batch = InMemory(given.images, given.regions), context.pick(64, 4)
    images, regions = torch.from_numpy(given.images[:batch]), torch.from_numpy(given.regions[:batch])
    initial = weights_of(context)
    first = {}
    for device in dict.fromkeys(("cpu", context.device)):
        trainer = Trainer(train_params(initial, 100, "fp32", batch), faces, torch.device(device))
        few = context.pick(8, 2)
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):  # the CPU has none
            trainer.update(images[:few], regions[:few])
        first[device] = trainer.mean_loss()
    off = abs(first[context.device] - first["cpu"]) / first["cpu"]
    context.notes.claim("the parser's loss is the CPU's, in fp32", "1 % off at most", f"{off:.3%}", off <= 0.01)
    for precision in context.pick(("bf16", "fp32"), ("fp32",)):
        trainer = Trainer(train_params(initial, 1000, precision, batch), faces, torch.device(context.device))
        losses = []
        for _ in range(context.pick(15, 2)):
            trainer.update(images, regions)
            losses.append(trainer.mean_loss())
        held = math.isfinite(losses[-1]) and losses[-1] < losses[0]
        text = f"the parser learns one batch by heart, {precision}"
        context.notes.claim(
            text, "loss falls", f"{losses[0]:.3f} to {losses[-1]:.3f}", held if not context.dry else None
        )
        seconds = seconds_of(
            lambda t=trainer: t.update(images, regions), context.device, context.pick(1.5, 0.1), least=2
        )
        context.notes.row(
            "a step", net=f"parser, {precision}", batch=batch, ms=1e3 * seconds, faces_a_second=batch / seconds
        )
    network = load_weights(initial).network
    context.notes.fact("parameters of the parser", sum(p.numel() for p in network.parameters()))


def _recognition_step(context: Context, given: Crops) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from examples.recognition.heads import ArcFaceHead
    from examples.recognition.nets import NETS, IResNet

    batch, spec = context.pick(256, 8), NETS["small" if context.dry else "iresnet18"]
    torch.manual_seed(0)
    net, head = IResNet(spec), ArcFaceHead(spec.embedding, int(given.who.max()) + 1)
    pixels, regions = torch.from_numpy(given.images[:batch]), torch.from_numpy(given.regions[:batch])
    who = torch.from_numpy(given.who[:batch])
    erase = FSErasing(p=0.5)
    here = copy.deepcopy(net).to(context.device), copy.deepcopy(head).to(context.device)
    optimiser = torch.optim.SGD([*here[0].parameters(), *here[1].parameters()], 0.02, momentum=0.9)

    def step(erasing: bool, half: bool) -> Tensor:
        images = pixels.to(context.device, non_blocking=True).movedim(-1, 1).float().div(127.5).sub(1)
        if erasing:
            images, _ = erase(images, regions.to(context.device))
        with torch.autocast(context.device, torch.bfloat16, enabled=half):
            loss = cross_entropy(here[1](here[0](images), who.to(context.device)).float(), who.to(context.device))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.detach()

    losses = [float(step(erasing=True, half=False)) for _ in range(context.pick(30, 2))]
    low = float(np.mean(losses[-5:]))
    held = math.isfinite(low) and low < losses[0] if not context.dry else None
    context.notes.claim("a recognition net learns with FSErasing", "loss falls", f"{losses[0]:.2f} to {low:.2f}", held)
    for erasing in (False, True):
        for half in context.pick((False, True), (False,)):
            seconds = seconds_of(lambda e=erasing, h=half: step(e, h), context.device, context.pick(0.8, 0.1), least=2)
            name = f"iresnet18, {'bf16' if half else 'fp32'}, {'FSErasing' if erasing else 'no erasing'}"
            context.notes.row("a step", net=name, batch=batch, ms=1e3 * seconds, faces_a_second=batch / seconds)

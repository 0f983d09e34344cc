"""All arms on one GPU, the nets of a seed stacked and trained together; IResNet-18 as well.

    python -m examples.proof.gpu LFW work/proof examples/proof/results --minutes 11

LFW is the folder with `lfw-deepfunneled.zip` or the unpacked photographs, people.txt and pairs.txt. The shards are made
in WORK where they are not there yet. What is finished is not trained again; a stack that would not end in time is not
begun.
"""

import argparse
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import product
from pathlib import Path
from time import monotonic
from typing import Any, get_args
from zipfile import ZipFile

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F

from examples.proof import rows
from examples.proof.arms import Arm, HeldFaces, TrainingFaces
from examples.proof.lfw import HalfName
from examples.proof.measure import answer
from examples.proof.rows import HALVES, Trial, finished
from examples.proof.run import Lfw, add_row, begin, processor_of
from examples.proof.settings import Settings
from examples.proof.training import Progress, learning_rate, make_head
from examples.recognition.command import run
from examples.recognition.nets import NETS, IResNet
from examples.recognition.shards import build_shards
from examples.recognition.train import HeadName, seeded
from faceshards.build.params import load_params
from faceshards.errors import SourceNotFoundError
from faceshards.store.schema import DATASET_JSON

AT_ONCE = 16
"""Batches that are erased together."""

BATCH = 1024
"""Faces that are verified at a time."""


class Stack:
    """Nets and heads of one shape as one: every parameter has the nets along its first axis.

    Args:
        trials: whose nets they are; the first weights are those of `examples.proof.training.train`.
        people: how many are trained on.
        settings: of all of them.
        device: where they are.
    """

    def __init__(self, trials: Sequence[Trial], people: int, settings: Settings, device: str) -> None:
        nets, heads = [], []
        for trial in trials:
            with seeded(trial.seed):
                nets.append(IResNet(NETS[settings.net], settings.dropout).to(device))
                heads.append(make_head(trial.head, NETS[settings.net].embedding, people, settings).to(device))
        self._net, self._head = deepcopy(nets[0]).to("meta"), deepcopy(heads[0]).to("meta")
        self._net_state, self._buffers = stack_module_state(nets)
        self._head_state, _ = stack_module_state(heads)
        self._alone, self._settings, self._device = nets[0], settings, device

    @property
    def parameters(self) -> list[Tensor]:
        """To be trained."""
        return [*self._net_state.values(), *self._head_state.values()]

    def losses(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """(K, B, 3, 112, 112) faces and (K, B) people to (K,) losses and (K,) shares of right answers."""

        def one(net: Any, buffers: Any, head: Any, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
            with torch.autocast(self._device, torch.bfloat16, enabled=self._settings.bf16):
                embeddings = functional_call(self._net, (net, buffers), (x,))
            logits = functional_call(self._head, head, (embeddings.float(), y))
            return F.cross_entropy(logits, y), (logits.argmax(1) == y).float().mean()

        self._net.train()
        found: tuple[Tensor, Tensor] = vmap(one, randomness="different")(
            self._net_state, self._buffers, self._head_state, images, labels
        )
        return found

    def net(self, place: int) -> nn.Module:
        """One of the nets, which the next call overwrites."""
        state = {name: tensor[place].detach() for name, tensor in (self._net_state | self._buffers).items()}
        self._alone.load_state_dict(state)
        return self._alone.eval()


def train_stack(
    trials: Sequence[Trial], held: HeldFaces, people: int, settings: Settings, device: str
) -> tuple[Stack, list[Progress]]:
    """Train the nets of some trials of one half and head together."""
    stack = Stack(trials, people, settings, device)
    faces = [TrainingFaces(held, trial.arm, settings, trial.seed, AT_ONCE) for trial in trials]
    optimizer = torch.optim.SGD(
        stack.parameters, settings.lr, 0.9, weight_decay=settings.weight_decay, nesterov=True, foreach=True
    )
    done = [Progress() for _ in trials]
    batches, started = faces[0].batches, monotonic()
    for epoch in range(settings.epochs):
        total = torch.zeros(2, len(trials), device=device)
        with seeded(trials[0].seed * 10_000 + epoch):  # dropout
            for batch, each in enumerate(zip(*(one.epoch(epoch) for one in faces), strict=True)):
                rate = learning_rate(epoch * batches + batch, settings.epochs * batches, settings.warmup * batches)
                for group in optimizer.param_groups:
                    group["lr"] = settings.lr * rate
                images, labels = (torch.stack(parts) for parts in zip(*each, strict=True))
                losses, right = stack.losses(images, labels)
                optimizer.zero_grad()
                torch.autograd.backward(losses.sum())
                optimizer.step()
                total += torch.stack([losses.detach(), right.detach()])
        for progress, (loss, share) in zip(done, (total / batches).T.tolist(), strict=True):
            progress.losses.append(round(loss, 4))
            progress.correct = share
            progress.seconds = (monotonic() - started) / len(trials)
    return stack, done


def run_stack(lfw: Lfw, trials: Sequence[Trial], settings: Settings, results: Path, device: str) -> None:
    """Train some trials of one half and head, verify each, and add its row."""
    for trial in trials:
        rows.refuse_other_processor(results, trial, processor_of(device))
    half, held = lfw.half(trials[0].half, settings.min_photos), lfw.held(trials[0].half, settings.min_photos, device)
    stack, done = train_stack(trials, held, half.people, settings, device)
    test = lfw.test(trials[0].half, settings.min_photos)
    for place, (trial, progress) in enumerate(zip(trials, done, strict=True)):
        net = stack.net(place)

        def forward(images: Tensor, net: nn.Module = net) -> Tensor:
            with torch.autocast(device, torch.bfloat16, enabled=settings.bf16):
                out: Tensor = net(images)
            return out

        started = monotonic()
        answers = answer(forward, net, test, device, BATCH)
        add_row(lfw, trial, settings, results, device, progress, answers, monotonic() - started)


def make_shards(lfw: Path, work: Path) -> Path:
    """The store of LFW, by the stages of dvc.yaml with one split of all; made once.

    Raises:
        SourceNotFoundError: no photographs.
    """
    shards = work / "shards"
    if not (shards / DATASET_JSON).is_file():
        source = lfw / "lfw-deepfunneled"
        if not source.is_dir():
            zipped, source = source.with_suffix(".zip"), work / "photographs"
            if not zipped.is_file():
                raise SourceNotFoundError(f"{lfw}: expected {zipped.name} or its photographs unpacked; found neither")
            with ZipFile(zipped) as archive:
                archive.extractall(source)
        whole = load_params(Path("params.yaml"))
        params = replace(
            whole,
            source=replace(whole.source, path=str(source)),
            plan=replace(whole.plan, splits={"all": 1.0}),
            store=replace(whole.store, profile="fast"),
        )
        work.mkdir(parents=True, exist_ok=True)
        build_shards(params, work)
    return shards


def main() -> None:
    """Read the command line and train what is left: the small net, then IResNet-18."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lfw", type=Path, help="folder with the photographs, people.txt and pairs.txt")
    parser.add_argument("work", type=Path, help="folder for the shards")
    parser.add_argument("results", type=Path, help="folder for results.csv and the answers")
    parser.add_argument("--nets", nargs="+", default=["small", "iresnet18"], help="(default: small iresnet18)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[3, 1], help="of each net (default: 3 1)")
    parser.add_argument("--stack", nargs="+", type=int, default=[18, 1], help="nets at a time (default: 18 1)")
    parser.add_argument("--minutes", type=float, default=11.0, help="for all of it (default: 11)")
    parser.add_argument("--epochs", type=int, default=Settings.epochs, help="fewer only to try the script")
    parser.add_argument("--device", default="cuda")
    given = parser.parse_args()
    started, longest = monotonic(), 0.0
    lfw = Lfw(make_shards(given.lfw, given.work), given.lfw)
    for net, seeds, at_a_time in zip(given.nets, given.seeds, given.stack, strict=True):
        settings = replace(Settings(), net=net, epochs=given.epochs, compiled=False)
        begin(lfw, given.results, settings)
        longest = 0.0
        for trials in stacks(net, seeds, at_a_time):
            left = [trial for trial in trials if trial not in finished(given.results)]
            begun = monotonic()
            if left and 60 * given.minutes - (begun - started) > longest:
                run_stack(lfw, left, settings, given.results, given.device)
                longest = max(longest, monotonic() - begun)
                print(f"{len(left)} x {left[0]}: {monotonic() - begun:.0f} s", flush=True)


def stacks(net: str, seeds: int, at_a_time: int) -> list[list[Trial]]:
    """All trials of a net, so many of one half and head together, ArcFace before softmax."""
    heads: list[tuple[HeadName, HalfName]] = list(product(("arcface", "softmax"), HALVES))
    out = []
    for head, half in heads:
        every = [Trial(net, head, seed, half, arm) for seed, arm in product(range(seeds), get_args(Arm))]
        out += [every[start : start + at_a_time] for start in range(0, len(every), at_a_time)]
    return out


if __name__ == "__main__":
    run(main)

"""Train a face-recognition net from shards.

    python -m examples.recognition.train data/shards runs/first --net small --head arcface --erasing on-the-fly

A killed training goes on after its last whole epoch when it is started again with the same arguments; a finished one is
not repeated. RUN/net.safetensors is the net, without its head.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from examples.recognition.command import run
from examples.recognition.data import Erasing, TrainingFaces
from examples.recognition.heads import ArcFaceHead, SoftmaxHead
from examples.recognition.nets import NETS, IResNet
from faceshards.errors import ParamsError, WeightsError, WeightsNotFoundError

Stateful: TypeAlias = nn.Module | torch.optim.Optimizer | torch.optim.lr_scheduler.LRScheduler

HeadName: TypeAlias = Literal["softmax", "arcface"]

NET, CHECKPOINT, CONFIG = "net.safetensors", "checkpoint.pt", "config.json"


@dataclass(frozen=True)
class Config:
    """Everything that decides what a training gives.

    Attributes:
        shards: the store.
        splits: of it, to train on.
        net: one of `nets.NETS`.
        head: softmax, or ArcFace with `scale` and `margin`.
        erasing: arm of the comparison, see `data.TrainingFaces`.
        p: probability that a face is erased.
        epochs: times that the faces are gone through.
        batch_size: faces a step.
        lr: learning rate at the start; it falls to 0 along a half cosine, after `warmup`.
        warmup: epochs over which the learning rate rises.
        weight_decay: of net and head.
        dropout: before the embedding; 0.4 is usual for millions of faces.
        seed: of the first weights and of all draws.
    """

    shards: str
    splits: tuple[str, ...] = ("train",)
    net: str = "small"
    head: HeadName = "arcface"
    erasing: Erasing = "none"
    p: float = 0.5
    epochs: int = 60
    batch_size: int = 60
    lr: float = 0.1
    warmup: int = 5
    weight_decay: float = 5e-4
    dropout: float = 0.0
    scale: float = 64.0
    margin: float = 0.5
    seed: int = 0


def train(config: Config, run: Path, device: torch.device) -> IResNet:
    """Train, or go on with a training that was stopped, or load one that is finished.

    Raises:
        ParamsError: `run` holds a training with another config.
    """
    run.mkdir(parents=True, exist_ok=True)
    _refuse_other_config(run / CONFIG, config)
    if (run / NET).exists():
        return load_net(run).to(device)
    faces = TrainingFaces(
        Path(config.shards),
        config.splits,
        erasing=config.erasing,
        p=config.p,
        batch_size=config.batch_size,
        seed=config.seed,
    )
    with seeded(config.seed):
        model = nn.ModuleDict({"net": IResNet(NETS[config.net], config.dropout), "head": _head(config, faces)})
    model = model.to(device)
    optimizer = torch.optim.SGD(model.parameters(), config.lr, momentum=0.9, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.SequentialLR(
        optimizer,
        [
            torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=config.warmup),
            torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, config.epochs - config.warmup)),
        ],
        [config.warmup],
    )
    parts: dict[str, Stateful] = {"model": model, "optimizer": optimizer, "schedule": schedule}
    first = _resume(run / CHECKPOINT, parts, device)
    epochs = tqdm(range(first, config.epochs), initial=first, total=config.epochs, disable=not sys.stderr.isatty())
    for epoch in epochs:
        model.train()
        with seeded(config.seed + epoch):
            losses = [
                _step(model, optimizer, images.to(device), labels.to(device)) for images, labels in faces.epoch(epoch)
            ]
        schedule.step()
        epochs.set_description(f"loss {torch.stack(losses).mean():.3f}")
        _save(run / CHECKPOINT, {"epoch": epoch + 1, **{name: part.state_dict() for name, part in parts.items()}})
    _save_net(run / NET, model["net"], config.net)
    (run / CHECKPOINT).unlink(missing_ok=True)
    return load_net(run).to(device)


def load_net(run: Path) -> IResNet:
    """The net of a finished training, in eval mode, on the CPU.

    Raises:
        WeightsNotFoundError: the training is not finished.
        WeightsError: the file was not written by `train`.
    """
    path = run / NET
    if not path.exists():
        raise WeightsNotFoundError(f"{path}: no such file; finish the training first")
    with safetensors.safe_open(path, "pt") as file:
        name = (file.metadata() or {}).get("net")
    if name not in NETS:
        raise WeightsError(f"{path}: expected a net of {', '.join(NETS)}, found {name!r}; train one with train.py")
    net = IResNet(NETS[name])
    net.load_state_dict(safetensors.torch.load_file(path))
    return net.eval()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's own generator, of first weights and dropout, for a while; afterwards it is where it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def _head(config: Config, faces: TrainingFaces) -> nn.Module:
    size = NETS[config.net].embedding
    if config.head == "softmax":
        return SoftmaxHead(size, faces.num_classes)
    return ArcFaceHead(size, faces.num_classes, config.scale, config.margin)


def _step(model: nn.ModuleDict, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> Tensor:
    """One step of gradient descent; the loss before it."""
    loss = F.cross_entropy(model["head"](model["net"](images), labels), labels)
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    optimizer.step()
    return loss.detach()


def _resume(path: Path, parts: dict[str, Stateful], device: torch.device) -> int:
    """Load what a stopped training left; the epoch to go on with."""
    if not path.exists():
        return 0
    state = torch.load(path, map_location=device, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["epoch"])


def _save_net(path: Path, net: nn.Module, name: str) -> None:
    partial = path.with_name(f"{path.name}.partial")
    tensors = {key: tensor.contiguous() for key, tensor in net.state_dict().items()}
    safetensors.torch.save_file(tensors, partial, {"net": name})
    partial.replace(path)


def _save(path: Path, state: dict[str, object]) -> None:
    partial = path.with_name(f"{path.name}.partial")
    torch.save(state, partial)
    partial.replace(path)


def _refuse_other_config(path: Path, config: Config) -> None:
    own = json.loads(json.dumps(asdict(config)))
    if path.exists() and (found := json.loads(path.read_text())) != own:
        other = {name: value for name, value in found.items() if own.get(name) != value}
        raise ParamsError(f"{path.parent} holds a training with other arguments ({other}); give another folder")
    path.write_text(json.dumps(own, indent=2) + "\n")


def training_options() -> argparse.ArgumentParser:
    """What every training of a comparison has in common; a parent of a command's parser."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--net", choices=NETS, default=Config.net, help=f"(default: {Config.net})")
    for name, text in {
        "p": "probability that a face is erased",
        "epochs": "times that the faces are gone through",
        "batch_size": "faces a step",
        "lr": "learning rate; falls to 0 along a half cosine",
        "warmup": "epochs over which the learning rate rises",
        "weight_decay": "of net and head",
        "dropout": "before the embedding",
        "scale": "of ArcFace",
        "margin": "of ArcFace, radians",
    }.items():
        default = getattr(Config, name)
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=type(default), default=default, help=f"{text} (default: {default})"
        )
    parser.add_argument("--device", type=torch.device, default="cuda" if torch.cuda.is_available() else "cpu")
    return parser


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, parents=[training_options()]
    )
    parser.add_argument("shards", help="store to train on")
    parser.add_argument("run", type=Path, help="folder for the net")
    parser.add_argument("--splits", nargs="+", default=["train"], help="of the store (default: train)")
    parser.add_argument("--head", choices=get_args(HeadName), default=Config.head, help=f"(default: {Config.head})")
    parser.add_argument("--erasing", choices=get_args(Erasing), default=Config.erasing, help="(default: none)")
    parser.add_argument("--seed", type=int, default=Config.seed, help="of the first weights and of all draws")
    given = vars(parser.parse_args())
    run, device = given.pop("run"), given.pop("device")
    train(Config(**given | {"splits": tuple(given["splits"])}), run, device)


if __name__ == "__main__":
    run(main)

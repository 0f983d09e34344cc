"""The state of a training run, and what one step does to it."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from faceshards.parsing.crops import FaceFiles
from faceshards.parsing.efficientnet import EfficientUNet
from faceshards.parsing.evaluate import Counts, confusion
from faceshards.parsing.imagenet import load_imagenet_encoder
from faceshards.parsing.losses import SegmentationLoss, balanced_weights
from faceshards.parsing.unet import UNet, normalise
from faceshards.parsing.weights import AnyUNet, load_weights
from faceshards.regions import N_REGIONS

if TYPE_CHECKING:  # it needs pydantic, and a step does not
    from faceshards.parsing.trainparams import TrainParams

_VALIDATION_BATCH = 32
_COUNTED_FACES = 2000


class Trainer:
    """Network, its average, optimiser and schedule.

    Attributes:
        step: updates done.
        device: where it runs.

    Args:
        params: of the run.
        faces: what it trains on; how often each class occurs there weights the loss.
        device: where.
        network: to begin with; None for `initial_network`.

    Raises:
        WeightsError: `params.initial` does not fit.
    """

    def __init__(
        self, params: "TrainParams", faces: FaceFiles, device: torch.device, network: AnyUNet | None = None
    ) -> None:
        self.step = 0
        self._params = params
        self.device = device
        # Measured: on the CPU, channels_last gains nothing under bf16, and its backward pass crashes PyTorch 2.13
        # where a layer's channels are no multiple of 8.
        self._format = torch.channels_last if device.type == "cuda" else torch.contiguous_format
        self._network = (network or initial_network(params)).to(device).train()
        self._average = AveragedModel(self._network, multi_avg_fn=_averaging(params.ema_decay), use_buffers=True)
        self._loss = SegmentationLoss(balanced_weights(_pixels(faces)), params.dice_weight).to(device)
        self._loss_sum = torch.zeros((), device=device)
        self._losses = 0
        self._optimiser = torch.optim.AdamW(_parameter_groups(self._network, params))
        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimiser, _one_cycle(params.steps))

    @property
    def average(self) -> AnyUNet:
        """The exponential moving average of the network: what is validated and kept."""
        return cast(AnyUNet, self._average.module)

    def update(self, images: Tensor, regions: Tensor) -> None:
        """One step: images (B, 112, 112, 3) uint8, regions (B, 112, 112) uint8."""
        loss = self._loss(self._logits(self._network, images), regions.to(self.device, torch.int64, non_blocking=True))
        loss.backward()
        self._optimiser.step()
        self._optimiser.zero_grad()
        self._schedule.step()
        self._average.update_parameters(self._network)
        self._loss_sum += loss.detach()
        self._losses += 1
        self.step += 1

    def mean_loss(self) -> float:
        """Over the updates since the last call."""
        mean = float(self._loss_sum) / self._losses
        self._loss_sum.zero_()
        self._losses = 0
        return mean

    def validate(self, faces: FaceFiles, groups: int) -> list[Counts]:
        """Confusion of the average network on aligned faces: one (25, 25) a group."""
        counts = [np.zeros((N_REGIONS, N_REGIONS), np.int64) for _ in range(groups)]
        self._average.eval()
        for start in range(0, len(faces), _VALIDATION_BATCH):
            images, regions = faces[start : start + _VALIDATION_BATCH]
            with torch.inference_mode():
                logits = self._logits(self._average, torch.from_numpy(images.copy()))
            predicted = logits.argmax(dim=1).to(torch.uint8).cpu().numpy()
            for group, p, t in zip(faces.groups[start:], predicted, regions, strict=False):
                counts[group] += confusion(p, t)
        return counts

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on: tensors and plain values."""
        return {"step": self.step, **{name: part.state_dict() for name, part in self._parts().items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where another trainer with the same params and faces stood."""
        self.step = state["step"]
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        return {
            "network": self._network,
            "average": self._average,
            "optimiser": self._optimiser,
            "schedule": self._schedule,
        }

    def _logits(self, network: nn.Module, images: Tensor) -> Tensor:
        x = normalise(images.to(self.device, non_blocking=True)).contiguous(memory_format=self._format)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._params.precision == "bf16"):
            logits: Tensor = network(x)
        return logits.float()


def initial_network(params: "TrainParams") -> AnyUNet:
    """The network that a run begins with.

    Raises:
        WeightsError: `params.initial` or `params.encoder` does not fit, or is not there.
    """
    if params.initial is not None:
        network = load_weights(params.initial).network.requires_grad_(True)
    else:
        with torch.random.fork_rng():
            torch.manual_seed(params.seed)
            network = UNet(params.width) if params.network == "unet" else EfficientUNet()
        if isinstance(network, EfficientUNet):
            load_imagenet_encoder(network, params.encoder)
    for part in network.frozen():
        part.requires_grad_(False)
    return network


def _parameter_groups(network: AnyUNet, params: "TrainParams") -> list[dict[str, Any]]:
    """Weight decay on convolutions only; the encoder at a learning rate of its own."""
    encoder = {id(t) for part in network.encoder() for t in part.parameters()}
    tensors = [t for t in network.parameters() if t.requires_grad]
    return [
        {
            "params": [t for t in tensors if (t.ndim > 1, id(t) in encoder) == (decays, encodes)],
            "weight_decay": params.weight_decay if decays else 0.0,
            "lr": params.learning_rate * (params.encoder_rate if encodes else 1.0),
        }
        for decays in (True, False)
        for encodes in (True, False)
    ]


def _one_cycle(steps: int) -> Callable[[int], float]:
    """Up linearly over the first twentieth of the steps, down to nothing along a cosine."""
    rise = max(1, steps // 20)

    def factor(step: int) -> float:
        fall = (step - rise) / max(1, steps - rise)
        return (step + 1) / (rise + 1) if step < rise else (1 + math.cos(math.pi * min(1.0, fall))) / 2

    return factor


def _averaging(decay: float) -> Any:
    """An EMA whose decay rises from 0.1 to `decay`, so that a short run does not keep its random beginnings."""

    @torch.no_grad()
    def average(averages: Sequence[Tensor], currents: Sequence[Tensor], n: Tensor) -> None:
        now = min(decay, (1 + int(n)) / (10 + int(n)))
        for a, current in zip(averages, currents, strict=True):
            if a.is_floating_point():
                a.lerp_(current, 1 - now)
            else:
                a.copy_(current)

    return average


def _pixels(faces: FaceFiles) -> Tensor:
    """(25,) pixels of each region in evenly chosen training crops."""
    step = max(1, len(faces) // _COUNTED_FACES)
    counts = np.zeros(256, np.int64)
    for row in range(0, len(faces), step):
        counts += np.bincount(faces[row][1].ravel(), minlength=256)
    return torch.from_numpy(counts[:N_REGIONS])

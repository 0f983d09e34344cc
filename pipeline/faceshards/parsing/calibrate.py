"""The temperature that makes a parser's probabilities the share of the pixels that it gets right.

Networks that are trained until they are sure are surer than they are right. One number, by which the logits are
divided, mends that and changes no region (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017).
"""

import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from faceshards.parsing.crops import FaceFiles
from faceshards.parsing.mirror import MirrorAveraged, for_inference
from faceshards.parsing.unet import normalise
from faceshards.records import UInt8Array
from faceshards.regions import IGNORE

LOWEST, HIGHEST = 0.25, 4.0
"""Between these the temperature is looked for."""

MOST_FACES = 100
"""So many, evenly from first to last, say one number as well as all."""

_CLOSE = 1e-3  # of its logarithm


def temperature_of(network: nn.Module, faces: FaceFiles, device: torch.device) -> float | None:
    """The temperature of a network, by faces that it did not learn from.

    Args:
        network: (B, 3, 112, 112) -> (B, 25, 112, 112) logits, on the device. It is run in fp32, in eval mode, and with
            the mirrored face, as a parser runs it.
        faces: aligned ones; `MOST_FACES` of them are looked at.
        device: where.

    Returns:
        None where no pixel of theirs has a region.

    Example:
        >>> temperature_of(load_weights().network, FaceFiles(folder), torch.device("cpu"))
        1.186
    """
    mirrored = for_inference(network, mirror=True)
    assert isinstance(mirrored, MirrorAveraged)
    step = max(1, math.ceil(len(faces) / MOST_FACES))
    pairs = []
    for row in range(0, len(faces), step):
        image, regions = faces[row]
        if (regions != IGNORE).any():
            pairs.append((_votes(mirrored, image, device), np.array(regions)))
    return likeliest_temperature(pairs) if pairs else None


def likeliest_temperature(pairs: Iterable[tuple[Tensor, UInt8Array]]) -> float:
    """The temperature under which the truth of some faces is likeliest.

    Args:
        pairs: of each face the (C, H, W) float32 logits, the mean of both votes where there are two, and the truth
            (H, W) uint8, 255 = ignore.

    Returns:
        Between `LOWEST` and `HIGHEST`, of three digits.

    Example:
        >>> likeliest_temperature([(torch.zeros(25, 112, 112), np.zeros((112, 112), np.uint8))])
        4.0
    """
    pixels = [
        (logits[:, torch.from_numpy(truth != IGNORE)].T, torch.from_numpy(truth[truth != IGNORE]).long())
        for logits, truth in pairs
    ]

    def loss(log: float) -> float:
        return sum(float(cross_entropy(of / math.exp(log), truth, reduction="sum")) for of, truth in pixels)

    # By golden sections of its logarithm: the loss has one minimum.
    low, high = math.log(LOWEST), math.log(HIGHEST)
    golden = (math.sqrt(5) - 1) / 2
    while high - low > _CLOSE:
        one, other = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, other) if loss(one) < loss(other) else (one, high)
    return round(math.exp((low + high) / 2), 3)


def _votes(network: MirrorAveraged, image: UInt8Array, device: torch.device) -> Tensor:
    """(25, 112, 112) float32 on the CPU: the mean of both votes."""
    with torch.inference_mode():
        one, other = network.votes(normalise(torch.from_numpy(np.array(image[None])).to(device)))
        return (one + other)[0].float().cpu() / 2

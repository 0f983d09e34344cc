"""What a device does with a batch: pixels to regions and to how sure the network is, without asking the host."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from faceshards.parsing.certainty import unchecked_layers
from faceshards.parsing.mirror import MirrorAveraged
from faceshards.parsing.unet import normalise
from faceshards.regions import N_REGIONS

TALLIES = 2 * N_REGIONS + 2
"""Numbers a face in `Found.tallies`: areas, sums of probability, pixels that agree, whether all logits are finite."""


class Found(NamedTuple):
    """What comes of a batch; it lies on the device.

    Attributes:
        layers: (L, B, 112, 112) uint8: regions; probability in 255ths; with mirror images, whether they agree. The
            regions are contiguous, so that they can be copied back alone.
        tallies: (B, 52) int32: pixels of each region, sum of their probabilities in 255ths, pixels on which face and
            mirror image agree (0 without mirror images), and 1 where every logit of the face is a finite number.
    """

    layers: Tensor
    tallies: Tensor


class Head(nn.Module):
    """Logits to regions, probabilities and tallies.

    Softmax and the sum of votes are fp32: in fp16 two logits are often the same number, and the class of such a pixel
    would hang on their order.

    Args:
        temperature: see `certainty.layers_of`.
    """

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self._temperature = temperature

    def forward(self, face: Tensor, mirrored: Tensor | None = None, mirror: Tensor | None = None) -> Found:
        """Of the logits of a batch.

        Args:
            face: (B, 25, H, W) logits of the faces.
            mirrored: the same of their mirror images, as they are; None where the network does not see those.
            mirror: (25,) int64, the region that each one is in the mirror; given with `mirrored`.
        """
        # Each class a plane: the greatest of a pixel's 25 is found by reading planes side by side.
        votes = [face.contiguous()]
        if mirrored is not None and mirror is not None:
            votes.append(mirrored.index_select(1, mirror).flip(3).contiguous())
        logits = votes[0].float()
        if len(votes) > 1:
            logits = logits + votes[1]
        best, layers = unchecked_layers(logits, votes if len(votes) > 1 else (), self._temperature)
        regions, probability = (layer.flatten(1)[:, None] for layer in layers[:2])
        ids = torch.arange(N_REGIONS, dtype=torch.uint8, device=regions.device)
        of_region = regions == ids[:, None]  # (B, 25, H * W)
        areas = of_region.sum(dim=2, dtype=torch.int32)
        sums = (of_region * probability).sum(dim=2, dtype=torch.int32)
        agreeing = layers[2].sum(dim=(1, 2), dtype=torch.int32) if len(layers) > 2 else torch.zeros_like(areas[:, 0])
        finite = best.isfinite().flatten(1).all(dim=1).to(torch.int32)
        tallies = torch.cat([areas, sums, agreeing[:, None], finite[:, None]], dim=1)
        return Found(torch.stack(layers), tallies)


class DeviceSteps(nn.Module):
    """A batch of pixels to what is copied back.

    Args:
        network: from `mirror.for_inference`, on its device, in its precision.
        head: what makes regions of the logits.
        channels_last: give the network its input with the channels of a pixel side by side, as the images have them.
    """

    def __init__(self, network: nn.Module, head: nn.Module, *, channels_last: bool) -> None:
        super().__init__()
        self.network = network
        self.head = head
        self._channels_last = channels_last
        self._dtype = next(network.parameters()).dtype

    def forward(self, faces: Tensor) -> Found:
        """(B, 112, 112, 3) uint8 RGB, on the device."""
        x = normalise(faces).to(self._dtype)
        if not self._channels_last:
            x = x.contiguous()
        if isinstance(self.network, MirrorAveraged):
            network = self.network.network
            found: Found = self.head(network(x), network(x.flip(3)), self.network.mirror)
        else:
            found = self.head(self.network(x))
        return found

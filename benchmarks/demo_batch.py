"""Aligned demo faces with their 25 regions, and a small classifier of who they are."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from faceshards.ops.align import similarity, warp_image, warp_labels
from faceshards.source.demoface import render_face
from faceshards.source.trueregions import cut_regions


class DemoBatch(NamedTuple):
    """Aligned faces: images (N, 112, 112, 3) uint8, regions (N, 112, 112) uint8, identity (N,) int64."""

    images: NDArray[np.uint8]
    regions: NDArray[np.uint8]
    identity: NDArray[np.int64]

    def normalised(self) -> Tensor:
        """(N, 3, 112, 112) float32 in [-1, 1]."""
        return torch.from_numpy(self.images).movedim(-1, 1).float().div(127.5).sub(1).contiguous()


def demo_batch(identities: int, views: range) -> DemoBatch:
    """Render and align `views` of each of the first `identities` demo people."""
    images, regions = [], []
    for person in range(identities):
        for view in views:
            face = render_face(0, person, view, 256)
            onto = similarity(face.landmarks)
            images.append(warp_image(face.image, onto))
            cut = cut_regions(face.labels, face.landmarks, face.image)
            regions.append(warp_labels(cut, onto))
    return DemoBatch(np.stack(images), np.stack(regions), np.repeat(np.arange(identities), len(views)))


class SmallNet(nn.Sequential):
    """Five strided convolutions to 256 maps of 7x7, their mean, logits; `last` is the layer that CAMs look at."""

    def __init__(self, identities: int) -> None:
        widths = (3, 16, 32, 64, 128, 256)
        blocks = [
            nn.Sequential(nn.Conv2d(a, b, 3, 2 if b < 256 else 1, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
            for a, b in pairwise(widths)
        ]
        super().__init__(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, identities))

    @property
    def last(self) -> nn.Module:
        """The last convolutional block."""
        return self[4]


def train(faces: DemoBatch, epochs: int) -> SmallNet:
    """A classifier of the faces' identities, in eval mode."""
    torch.manual_seed(0)
    net = SmallNet(int(faces.identity.max()) + 1)
    images, identity = faces.normalised(), torch.from_numpy(faces.identity)
    optimiser = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=epochs)
    for _ in range(epochs):
        for part in torch.randperm(len(images)).chunk(max(len(images) // 48, 1)):
            batch = images[part] * (1 + 0.2 * torch.randn(len(part), 1, 1, 1)) + 0.2 * torch.randn(len(part), 3, 1, 1)
            loss = nn.functional.cross_entropy(net(batch), identity[part], label_smoothing=0.1)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
        schedule.step()
    return net.eval()

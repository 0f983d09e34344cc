import numpy as np
import pytest
import torch
from torch import nn

from faceshards.regions import Region


class Probe(nn.Module):
    """Two logits: 3 x the mean of the nose pixels' places, 1 x that of the mouth's; it notes the batches it saw."""

    def __init__(self, regions: torch.Tensor) -> None:
        super().__init__()
        nose, mouth = (regions == r for r in (Region.NOSE, Region.MOUTH))
        self.weight = nn.Parameter(torch.stack([3 * nose / nose.sum(), mouth / mouth.sum()]).float())
        self.dropout = nn.Dropout(0.5)
        self.seen: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append(len(x))
        return self.dropout(torch.einsum("bchw,khw->bk", x, self.weight) / x.shape[1])


@pytest.fixture
def regions() -> torch.Tensor:
    """(3, 24, 20): bands of background, nose, mouth, hair; the second face has no hair, the third ignored pixels."""
    face = torch.tensor([Region.BACKGROUND, Region.NOSE, Region.MOUTH, Region.HAIR], dtype=torch.uint8)
    face = face.repeat_interleave(6)[:, None].repeat(1, 20).repeat(3, 1, 1)
    face[1][face[1] == Region.HAIR] = Region.BACKGROUND
    face[2][face[2] == Region.HAIR] = 255
    return face


@pytest.fixture
def images() -> torch.Tensor:
    return torch.ones(3, 3, 24, 20)


@pytest.fixture
def probe(regions: torch.Tensor) -> Probe:
    return Probe(regions[0])


@pytest.fixture
def network() -> nn.Module:
    """An untrained convolutional net of five outputs, in eval mode."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 16, 3, 2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5)
    ).eval()


@pytest.fixture
def noise() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=(3, 3, 24, 20)).astype(np.float32))

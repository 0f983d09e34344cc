import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from faceshards.regions import Region

runpy.run_path(str(Path(__file__).parents[2] / "cpu_torchvision" / "sitecustomize.py"))


@pytest.fixture
def regions() -> torch.Tensor:
    """Eight faces (8, 40, 30): bands of background, nose, mouth, hair and ignored pixels, and one pixel of left eye."""
    bands = [Region.BACKGROUND, Region.NOSE, Region.MOUTH, Region.HAIR, 255]
    face = np.repeat(np.array(bands, np.uint8), 8)[:, None].repeat(30, 1)
    face[0, 0] = Region.LEFT_EYE
    return torch.from_numpy(face).repeat(8, 1, 1)


@pytest.fixture
def images() -> torch.Tensor:
    """(8, 3, 40, 30) float32, all 7: no fill gives that value."""
    return torch.full((8, 3, 40, 30), 7.0)

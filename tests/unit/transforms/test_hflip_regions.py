"""`hflip_regions` mirrors an image and its region map together, also where torchvision is not installed."""

import pytest
import torch

from faceshards.errors import FaceError
from faceshards.regions import MIRROR
from faceshards.transforms import hflip_regions


def test_a_flip_swaps_left_and_right_and_twice_is_once() -> None:
    regions = torch.tensor([[*range(25), 255]])
    image = torch.arange(26.0).view(1, 1, 26)
    flipped, mirrored = hflip_regions(image, regions)
    assert mirrored[0].tolist() == [255, *reversed(MIRROR)]
    assert flipped.flatten().tolist() == list(reversed(range(26)))
    assert mirrored.dtype == regions.dtype
    back, same = hflip_regions(flipped, mirrored)
    assert torch.equal(back, image)
    assert torch.equal(same, regions)


def test_a_flip_of_one_mask_a_region_is_refused(images: torch.Tensor, regions: torch.Tensor) -> None:
    assert hflip_regions(images, regions[:, None])[1].shape == (8, 1, 40, 30)
    with pytest.raises(FaceError, match=r"found \(3, 40, 30\) and \(25, 40, 30\)"):
        hflip_regions(images[0], torch.zeros(25, 40, 30, dtype=torch.uint8))

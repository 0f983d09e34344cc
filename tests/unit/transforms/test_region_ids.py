"""Ids that are no region's are refused wherever a region map comes in, be it to be erased or not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from faceshards.cam import FSCAM
from faceshards.errors import FaceError, FaceTypeError
from faceshards.ops.erase_torch import _known_on_device, as_known
from faceshards.transforms import FSErasing, RandomHorizontalFlip, erase_regions, hflip_regions

DOORS: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "FSErasing": lambda image, regions: FSErasing(p=1)(image, regions),
    "FSErasing that leaves the face": lambda image, regions: FSErasing(p=0)(image, regions),
    "FSErasing of a nest": lambda image, regions: FSErasing(p=1)({"image": image, "regions": regions}),
    "make_params": lambda image, regions: FSErasing().make_params([image, regions]),
    "erase_regions": lambda image, regions: erase_regions(image, regions, ["nose"]),
    "hflip_regions": hflip_regions,
    "flip": lambda image, regions: RandomHorizontalFlip(p=1)(image, regions),
    "flip that leaves the face": lambda image, regions: RandomHorizontalFlip(p=0)(image, regions),
    "FSCAM": lambda image, regions: FSCAM(lambda x: x.flatten(1))(image[None], regions=regions[None]),
}
WRONG = [
    (torch.uint8, 25),
    (torch.uint8, 254),
    (torch.int8, -1),
    (torch.int16, 256 + 10),
    (torch.int32, -246),
    (torch.int64, 2**32 + 10),
    (torch.int64, -(2**63)),
    (torch.uint16, 2**16 - 1),
    (torch.uint32, 2**32 - 1),
    (torch.uint64, 2**63),
]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("dtype", "wrong"), WRONG)
def test_one_wrong_pixel_is_found(door: str, dtype: torch.dtype, wrong: int) -> None:
    regions = torch.from_numpy(np.full((40, 30), 10))
    regions[20:] = 24
    regions = regions.to(dtype)
    regions.numpy()[7, 9] = wrong
    with pytest.raises(FaceError, match=f"ids from 0 to 24, or 255 for no region; found {wrong}:"):
        DOORS[door](torch.ones(3, 40, 30), regions)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bool])
def test_a_map_that_is_not_of_whole_numbers_is_refused(door: str, dtype: torch.dtype) -> None:
    with pytest.raises(FaceTypeError, match="region map"):
        DOORS[door](torch.ones(3, 40, 30), torch.ones(40, 30).to(dtype))


@pytest.mark.parametrize("look", [as_known, _known_on_device])
@pytest.mark.parametrize(("dtype", "wrong"), WRONG)
def test_a_device_looks_as_the_host_does(look: Callable[[Tensor], Tensor], dtype: torch.dtype, wrong: int) -> None:
    known = torch.tensor([[*range(25), *([] if dtype is torch.int8 else [255])]] * 2).to(dtype)
    assert torch.equal(look(known), known.to(torch.uint8))
    assert look(known).dtype is torch.uint8
    known.numpy()[1, 3] = wrong
    with pytest.raises(FaceError, match="ids from 0 to 24"):
        look(known)


def test_many_wrong_ids_are_told_in_short() -> None:
    with pytest.raises(FaceError, match="found 25, 26, 27, 28, 29, 30, 31, 32 and more: turn the classes"):
        as_known(torch.arange(60))


def test_an_empty_batch_has_no_wrong_ids() -> None:
    images, regions = FSErasing(p=1)(torch.ones(0, 3, 4, 4), torch.zeros(0, 4, 4, dtype=torch.int64))
    assert (images.shape, regions.shape) == ((0, 3, 4, 4), (0, 4, 4))

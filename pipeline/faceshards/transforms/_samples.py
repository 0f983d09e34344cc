"""Which parts of a sample are its images, and which is its region map."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from faceshards.errors import FaceTypeError
from faceshards.transforms._torchvision import IMAGE_TYPES, MASK_TYPES


class Found(NamedTuple):
    """Places in a flattened sample.

    Attributes:
        images: of the tv_tensors that are images or videos; where there are none, of the first plain tensor.
        maps: of all `tv_tensors.Mask`; where there are none, of the first plain tensor that can be the region map.
    """

    images: list[int]
    maps: list[int]


def find(flat: list[Any], image_types: tuple[type, ...] = IMAGE_TYPES) -> Found:
    """Look through a flattened sample."""
    images = [i for i, leaf in enumerate(flat) if isinstance(leaf, image_types)]
    images = images or [i for i, leaf in enumerate(flat) if type(leaf) is Tensor][:1]
    maps = [i for i, leaf in enumerate(flat) if isinstance(leaf, MASK_TYPES)]
    if not maps and images:
        maps = [i for i, leaf in enumerate(flat) if i != images[0] and fits(leaf, flat[images[0]])][:1]
    return Found(images, maps)


def pair(flat: list[Any]) -> tuple[list[int], Tensor]:
    """Places of the images in a flattened sample, and its one region map.

    Raises:
        FaceTypeError: there is no image, no region map, or more than one.
    """
    images, maps = find(flat)
    if not images or len(maps) != 1:
        raise FaceTypeError(
            "expected an image tensor (put v2.ToImage() before, for PIL and numpy images) and one region map, "
            f"an integer tensor or tv_tensors.Mask of the image's size; found {described(flat)}"
        )
    return images, flat[maps[0]]


def fits(leaf: Any, image: Any) -> bool:
    """Whether a leaf is a plain integer tensor of the size of an image's region map.

    Args:
        leaf: anything.
        image: a tensor (..., C, H, W), or an image of PIL.
    """
    if type(leaf) is not Tensor or leaf.is_floating_point() or leaf.is_complex() or leaf.dtype is torch.bool:
        return False
    lead, plane = (image.shape[:-3], image.shape[-2:]) if isinstance(image, Tensor) else ((), image.size[::-1])
    return leaf.shape in ((*lead, *plane), (*lead, 1, *plane))


def described(flat: list[Any]) -> list[str]:
    """The parts of a sample, for a message."""
    return [
        f"{type(leaf).__name__} {leaf.dtype} {tuple(leaf.shape)}" if isinstance(leaf, Tensor) else type(leaf).__name__
        for leaf in flat
    ]

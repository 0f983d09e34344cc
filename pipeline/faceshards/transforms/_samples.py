"""Which parts of a sample are its images, and which is its region map."""

from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from faceshards.errors import FaceTypeError
from faceshards.transforms._torchvision import IMAGE_TYPES, MASK_TYPES, PICTURE_TYPES


class Found(NamedTuple):
    """Places in a flattened sample.

    Attributes:
        images: of the tv_tensors that are images or videos; where there are none, of the first plain tensor.
        maps: of all `tv_tensors.Mask`; where there are none, of the plain tensors that can be the region map.
    """

    images: list[int]
    maps: list[int]


def find(flat: list[Any], image_types: tuple[type, ...] = IMAGE_TYPES) -> Found:
    """Look through a flattened sample."""
    images = [i for i, leaf in enumerate(flat) if isinstance(leaf, image_types)]
    images = images or [i for i, leaf in enumerate(flat) if type(leaf) is Tensor][:1]
    maps = [i for i, leaf in enumerate(flat) if isinstance(leaf, MASK_TYPES)]
    if not maps and images:
        maps = [i for i, leaf in enumerate(flat) if i != images[0] and fits(leaf, flat[images[0]])]
    return Found(images, maps)


def pair(flat: list[Any]) -> tuple[list[int], Tensor]:
    """Places of the images in a flattened sample, and its one region map.

    Raises:
        FaceTypeError: there is no image, or several plain tensors that could be it; no region map, or more than one.
    """
    images, maps = find(flat)
    if not images or len(maps) != 1:
        raise FaceTypeError(
            "expected an image tensor (put v2.ToImage() before, for PIL and numpy images) and one region map, an "
            "integer tensor or tv_tensors.Mask of the image's size (tv_tensors.Mask(numpy.array(map)) makes one of a "
            f"map of PIL or numpy, and marks one among several); found {described(flat)}{_hint(flat)}"
        )
    if type(flat[images[0]]) is Tensor and any(
        type(leaf) is Tensor and i not in (*images, *maps) and _is_alike(leaf, flat[images[0]])
        for i, leaf in enumerate(flat)
    ):
        raise FaceTypeError(
            "expected one plain tensor that can be the image; mark the images as tv_tensors.Image; "
            f"found {described(flat)}"
        )
    return images, flat[maps[0]]


def _hint(flat: list[Any]) -> str:
    last = any(
        isinstance(leaf, Tensor) and leaf.ndim > 2 and leaf.shape[-1] == 3 and leaf.shape[-3] not in (1, 3, 4)
        for leaf in flat
    )
    return ". Channels are last: image.movedim(-1, -3) puts them first" if last else ""


def _is_alike(leaf: Tensor, image: Tensor) -> bool:
    """Whether a tensor differs from an image in nothing but the number of channels."""
    return leaf.ndim == image.ndim and leaf.shape[:-3] == image.shape[:-3] and leaf.shape[-2:] == image.shape[-2:]


def fits(leaf: Any, image: Any) -> bool:
    """Whether a leaf is a plain integer tensor of the size of an image's region map.

    Args:
        leaf: anything.
        image: a tensor (..., C, H, W), or an image of PIL.
    """
    if type(leaf) is not Tensor or leaf.is_floating_point() or leaf.is_complex() or leaf.dtype is torch.bool:
        return False
    return is_map_shape(tuple(leaf.shape), image)


def is_map_shape(shape: tuple[int, ...], image: Any) -> bool:
    """Whether a region map of an image, see `fits`, may have that shape."""
    lead = tuple(image.shape[:-3]) if isinstance(image, Tensor) else ()
    return shape in ((*lead, *plane_of(image)), (*lead, 1, *plane_of(image)))


def plane_of(image: Any) -> tuple[int, ...]:
    """(H, W) of a tensor (..., H, W) or an image of PIL."""
    return tuple(image.shape[-2:] if isinstance(image, Tensor) else image.size[::-1])


def described(flat: list[Any]) -> list[str]:
    """The parts of a sample, for a message; many of one form after each other are told as one."""
    told = [(form, len(list(alike))) for form, alike in groupby(map(_form, flat))]
    return [form if number == 1 else f"{number} {form}" for form, number in told]


def _form(leaf: Any) -> str:
    kind = type(leaf).__name__
    if isinstance(leaf, (Tensor, np.ndarray)):
        return f"{kind} {leaf.dtype} {tuple(leaf.shape)}"
    return f"{kind} of mode {mode_of(leaf)}" if isinstance(leaf, PICTURE_TYPES) else kind


def mode_of(picture: Any) -> str:
    """The mode of an image of PIL, as "RGB" or "L"."""
    mode: str = picture.mode
    return mode

"""`RandomHorizontalFlip`: faces and their region maps mirrored, each right region becoming its left one."""

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from faceshards.errors import FaceTypeError
from faceshards.ops.erase_torch import as_known
from faceshards.transforms._chance import Chance
from faceshards.transforms._samples import described, find, is_map_shape, mode_of, plane_of
from faceshards.transforms._torchvision import FLIPPED_TYPES, MASK_TYPES, PICTURE_TYPES, Transform, flip_of_torchvision
from faceshards.transforms.functional import mirrored


class RandomHorizontalFlip(Transform):
    """torchvision v2's `RandomHorizontalFlip` for faces: it also swaps the left and right ids of the region map.

    torchvision's own flips a region map but leaves its ids, so that a right cheek is called left from then on. In place
    of that one this goes anywhere, as in ``v2.Compose([RandomHorizontalFlip(), FSErasing()])``.

    Takes what `FSErasing` takes, and with torchvision PIL images too. Images, videos, bounding boxes and keypoints of
    `tv_tensors` are flipped by torchvision; a `tv_tensors.Mask` is the region map. Of plain tensors the first is the
    image, where there is no other, and the integer one that fits it the region map, where there is no Mask; labels and
    such come out as they went in. One coin, of torch's global seed as torchvision's, decides for the whole call, be it
    a batch. A sample may lack a region map, but not have two. What could be a map or an image and would stay unflipped
    is refused: maps of PIL and numpy, one mask a region, further plain tensors of the image's size.

    For example::

        flip = RandomHorizontalFlip(p=0.5)
        image, regions = flip(image, regions)

    Args:
        p: how likely the sample is flipped.

    Raises:
        ParamsError: `p` is no probability.
    """

    p = Chance()
    """How likely the sample is flipped; another can be set, and is checked."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:  # noqa: ARG002 - torchvision's signature
        """Flip one part of a sample: a `tv_tensors.Mask` is a region map, a plain tensor an image."""
        kind: Any = type(inpt)
        if kind is Tensor:
            return inpt.flip(-1)
        if issubclass(kind, MASK_TYPES):
            return mirrored(inpt.as_subclass(Tensor)).as_subclass(kind)
        return flip_of_torchvision(inpt)

    def forward(self, *inputs: Any) -> Any:
        """Flip the sample, or leave it.

        Raises:
            FaceTypeError: there is no image, several region maps, or something that could be a map but is not taken
                for it.
            FaceError: the region map has ids that are no region's.
        """
        if not inputs:
            raise FaceTypeError("expected an image, and its region map if there is one; found nothing")
        sample = inputs if len(inputs) > 1 else inputs[0]
        flat, spec = tree_flatten(sample)
        images, maps = find(flat, PICTURE_TYPES)
        _check(flat, images, maps)
        if torch.rand(1) >= self.p:
            return sample
        for i, leaf in enumerate(flat):
            if i in maps and type(leaf) is Tensor:
                flat[i] = mirrored(leaf)
            elif i in images or isinstance(leaf, FLIPPED_TYPES):
                flat[i] = self.transform(leaf, {})
        return tree_unflatten(flat, spec)

    def extra_repr(self) -> str:
        """The parameter, as `repr` shows it."""
        return f"p={self.p}"


def _check(flat: list[Any], images: list[int], maps: list[int]) -> None:
    if len(maps) > 1 or not (images or any(isinstance(leaf, FLIPPED_TYPES) for leaf in flat)):
        raise FaceTypeError(
            "expected an image (put v2.ToImage() before, for numpy images) and at most one region map, an integer "
            f"tensor or tv_tensors.Mask of the image's size; found {described(flat)}"
        )
    for place in maps:
        as_known(flat[place].as_subclass(Tensor))
        if images and not any(is_map_shape(tuple(flat[place].shape), flat[image]) for image in images):
            raise FaceTypeError(
                "expected a region map (..., H, W) or (..., 1, H, W) of the image's size, in which a pixel is the id "
                f"of its region, and no mask a region; found {described(flat)}"
            )
    if images and type(flat[images[0]]) is Tensor and flat[images[0]].ndim < 3:
        raise FaceTypeError(f"expected an image (..., C, H, W) as the first tensor; found {described(flat)}")
    if any(_could_be_map(i, flat, images, maps) for i in range(len(flat)) if i not in maps):
        raise FaceTypeError(
            "expected a region map, an integer tensor or tv_tensors.Mask of the image's size, and beside it nothing "
            f"that could be another map or image and would stay unflipped; found {described(flat)}. "
            "tv_tensors.Mask(numpy.array(map)) makes one of a map of PIL or numpy; mark further images as "
            "tv_tensors.Image and points as tv_tensors.KeyPoints; for samples without a map use torchvision's own flip"
        )


def _could_be_map(place: int, flat: list[Any], images: list[int], maps: list[int]) -> bool:
    """Whether a part of a sample that is not taken for its region map could be one, or be an image left as it is."""
    leaf = flat[place]
    if isinstance(leaf, np.ndarray):
        return leaf.ndim > 1
    if isinstance(leaf, Tensor) and not isinstance(leaf, FLIPPED_TYPES):
        if place in images:
            return not maps and not leaf.is_floating_point() and leaf.shape[-3] != 3
        return leaf.ndim > 1 and (not maps or _is_of_pixels(leaf, [flat[i] for i in images or maps]))
    if isinstance(leaf, FLIPPED_TYPES) and not isinstance(leaf, Tensor):  # a picture of PIL
        return mode_of(leaf) not in _COLOURS and (not maps or len(images) > 1)
    return False


_COLOURS = ("RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB")
_POINT = 4  # numbers of a box; a list of points or boxes has no more in a row


def _is_of_pixels(leaf: Tensor, pictures: list[Any]) -> bool:
    """Whether a tensor has a plane of the size of one of the pictures, or integers in a plane of another size."""
    planes, shape = [plane_of(picture) for picture in pictures], tuple(leaf.shape)
    if any(pair in planes for pair in pairwise(shape)):
        return True
    lead = min(max(picture.ndim - 3, 0) if isinstance(picture, Tensor) else 0 for picture in pictures)
    whole = not (leaf.is_floating_point() or leaf.is_complex())
    return whole and leaf.ndim >= lead + 2 and min(shape[-2:]) > _POINT

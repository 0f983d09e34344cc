"""`RandomHorizontalFlip`: faces and their region maps mirrored, each right region becoming its left one."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from faceshards.checks import probability
from faceshards.errors import FaceTypeError
from faceshards.ops.erase_torch import as_known
from faceshards.transforms._samples import described, find
from faceshards.transforms._torchvision import FLIPPED_TYPES, MASK_TYPES, PICTURE_TYPES, Transform, flip_of_torchvision
from faceshards.transforms.functional import mirrored


class RandomHorizontalFlip(Transform):
    """torchvision v2's `RandomHorizontalFlip` for faces: it also swaps the left and right ids of the region map.

    torchvision's own flips a region map but leaves its ids, so that a right cheek is called left from then on. In place
    of that one this goes anywhere, as in ``v2.Compose([RandomHorizontalFlip(), FSErasing()])``.

    Takes what `FSErasing` takes, and with torchvision PIL images too. Images, videos, bounding boxes and keypoints of
    `tv_tensors` are flipped by torchvision; a `tv_tensors.Mask` is the region map. Of plain tensors the first is the
    image, where there is no other, and the next integer one that fits it the region map, where there is no Mask; all
    else comes out as it went in. One coin, of torch's global seed as torchvision's, decides for the whole call, be it a
    batch. A sample may lack a region map, but not have two.

    Args:
        p: how likely the sample is flipped.

    Raises:
        ParamsError: `p` is no probability.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = probability("p", p)

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
            FaceTypeError: there is no image, several region maps, or a tensor that could be a map but does not fit.
            FaceError: the region map has ids that are no region's.
        """
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
    plain = [i for i, leaf in enumerate(flat) if type(leaf) is Tensor]
    image = flat[images[0]] if images and images[0] in plain else None
    if image is not None and image.ndim < 3:
        raise FaceTypeError(f"expected an image (..., C, H, W) as the first tensor; found {described(flat)}")
    # Without a region map, what else could be one? A plain tensor beside the image, or integers taken for the image.
    unsure = any(flat[i].ndim > 1 for i in plain if i not in images)
    if image is not None:
        unsure |= not image.is_floating_point() and image.shape[-3] != 3
    if unsure and not maps:
        raise FaceTypeError(
            "expected a region map, an integer tensor or tv_tensors.Mask of the image's size, where a sample has plain "
            f"tensors that could be one; found {described(flat)}. For samples without one use torchvision's own flip"
        )

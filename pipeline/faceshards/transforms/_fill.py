"""What a transform may put in the place of erased pixels."""

from typing import Literal, TypeAlias

import torch
from torch import Tensor
from typing_extensions import TypeIs  # torch depends on it

from faceshards.errors import FaceError, FaceTypeError
from faceshards.ops.stand_in import StandIn, check_fits, check_form

RandomFill: TypeAlias = Literal["random", "random_1", "random_mix"]
Fill: TypeAlias = StandIn | RandomFill
"""What replaces an erased pixel. ``"random"`` is noise, ``"random_1"`` one random colour a region, and ``"random_mix"``
either by a coin a region: N(0, 1) in floating images, which should be normalised, and uniform over 0 to 255 in uint8.
Else a number, one a channel, a tensor, ``"mean"`` or ``"blur"``, see `faceshards.ops.stand_in`."""

_RANDOM = ("random", "random_1", "random_mix")


def is_random(fill: Fill) -> TypeIs[RandomFill]:
    """Whether `fill` is one of the random ones."""
    return isinstance(fill, str) and fill in _RANDOM


def check_fill(fill: Fill) -> None:
    """Raise ParamsError where `fill` is none for any image."""
    check_form(fill, *_RANDOM, argument="fill")


def check_inplace(image: Tensor) -> None:
    """Raise FaceError where an image cannot be written to: a leaf that requires grad, or pixels that share memory."""
    if image.requires_grad and image.is_leaf and torch.is_grad_enabled():
        raise FaceError("inplace=True cannot write to an image that requires grad and is a leaf; use inplace=False")
    if any(step == 0 and size > 1 for step, size in zip(image.stride(), image.shape, strict=True)):
        raise FaceError("inplace=True cannot write to an image that was expanded; use inplace=False, or image.clone()")


def check_fill_of(image: Tensor, fill: Fill) -> None:
    """Look whether `fill` can be put into `image`, (..., C, H, W).

    Raises:
        ParamsError: the image's dtype cannot hold it, or it does not go with the number of channels.
        FaceTypeError: random values for an image that is neither floating nor uint8; a dtype that torch cannot erase.
    """
    if not is_random(fill):
        check_form(fill, *_RANDOM, argument="fill")
        check_fits(image, fill, argument="fill")
        if image.dtype in (torch.uint16, torch.uint32, torch.uint64):
            raise FaceTypeError(f"torch cannot write to places of {image.dtype}: put v2.ToDtype(torch.int32) before")
    elif not (image.is_floating_point() or image.dtype is torch.uint8):
        raise FaceTypeError(
            f"fill={fill!r} needs a uint8 image or a floating one, found {image.dtype}: put "
            "v2.ToDtype(torch.float32, scale=True) and v2.Normalize before, or use a number, 'mean' or 'blur'"
        )

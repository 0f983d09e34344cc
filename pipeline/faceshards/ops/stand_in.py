"""What stands in for pixels that a model shall not see: a number, a colour, the image's mean, or its blur."""

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

StandIn: TypeAlias = float | Sequence[float] | Tensor | Literal["mean", "blur"]
"""One number, one number a channel, a tensor that broadcasts against (B, C, H, W), ``"mean"`` or ``"blur"``."""


def stand_in(images: Tensor, value: StandIn) -> Tensor:
    """Pixels to put in the place of others, of the dtype and on the device of `images`.

    Args:
        images: (B, C, H, W), floating or integer.
        value: see `StandIn`. ``"mean"`` is the mean of each channel of each image; ``"blur"`` the image averaged
            over squares of 8 pixels and interpolated between them.

    Returns:
        A tensor that broadcasts against `images`.

    Raises:
        ValueError: another word, or another number of values than channels.
    """
    if isinstance(value, Tensor):
        return value.to(images)
    if isinstance(value, str):
        if value not in _FROM_IMAGE:
            raise ValueError(f'expected a number, one number a channel, "mean" or "blur", found {value!r}')
        made = _FROM_IMAGE[value](images.float())
        return (made if images.is_floating_point() else made.round()).to(images.dtype)
    colour = [value] if isinstance(value, (int, float)) else list(value)
    if len(colour) not in (1, images.shape[1]):
        raise ValueError(f"expected one number, or one for each of {images.shape[1]} channels, found {colour}")
    return torch.tensor(colour, dtype=images.dtype, device=images.device).view(1, -1, 1, 1)


def _mean(images: Tensor) -> Tensor:
    return images.mean((2, 3), keepdim=True)


def _blur(images: Tensor) -> Tensor:
    height, width = images.shape[2:]
    coarse = F.interpolate(images, (max(height // 8, 1), max(width // 8, 1)), mode="area")
    return F.interpolate(coarse, (height, width), mode="bilinear")


_FROM_IMAGE: dict[str, Callable[[Tensor], Tensor]] = {"mean": _mean, "blur": _blur}

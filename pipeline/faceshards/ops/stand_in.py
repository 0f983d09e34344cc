"""What stands in for pixels that a model shall not see: a number, a colour, the image's mean, or its blur."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from faceshards.checks import finite_number
from faceshards.counted import counted
from faceshards.errors import FaceTypeError, ParamsError
from faceshards.ops.tensor import tensor_of

StandIn: TypeAlias = float | Sequence[float] | Tensor | NDArray[Any] | Literal["mean", "blur"]
"""One number; one number a channel, as a sequence or a tensor or array (C,); a tensor or array that broadcasts against
(B, C, H, W); ``"mean"`` or ``"blur"``. Numbers are in the units of the image and must fit its dtype: for uint8, whole
numbers from 0 to 255."""


def stand_in(images: Tensor, value: StandIn, *, argument: str = "baseline") -> Tensor:
    """Pixels to put in the place of others, of the dtype and on the device of `images`.

    Args:
        images: (B, C, H, W), floating or integer.
        value: see `StandIn`. ``"mean"`` is the mean of each channel of each image; ``"blur"`` the image averaged
            over squares of 8 pixels and interpolated between them.
        argument: what errors call `value`.

    Returns:
        A tensor that broadcasts against `images`.

    Raises:
        ParamsError: another word; another number of values than channels, or a shape that does not broadcast; a value
            that the dtype of `images` cannot hold.
        FaceTypeError: images that are neither floating nor integer.
    """
    check_fits(images, value, argument=argument)
    if isinstance(value, str):
        made = _FROM_IMAGE[value](images if images.dtype is torch.float64 else images.float())
        return (made if images.is_floating_point() else made.round()).to(images.dtype)
    if isinstance(value, (Tensor, np.ndarray)) and value.ndim > 1:
        return tensor_of(value).to(images)
    return torch.tensor(_numbers(value), dtype=images.dtype, device=images.device).view(1, -1, 1, 1)


def check_form(value: Any, *more_words: str, argument: str = "baseline") -> None:
    """Raise ParamsError where `value` is no `StandIn` for any image, nor one of more words that a caller knows."""
    words = (*_FROM_IMAGE, *more_words)
    if isinstance(value, str):
        known = value in words
    elif isinstance(value, (Tensor, np.ndarray)):
        known = _is_finite(value)
    else:
        numbers = value if isinstance(value, Sequence) and not isinstance(value, bytes) and len(value) else [value]
        try:
            known = [finite_number(argument, number) for number in numbers] != []
        except ParamsError:
            known = False
    if not known:
        raise ParamsError(
            f"{argument} must be a finite number, one for each channel, a tensor of such that broadcasts against "
            f"(B, C, H, W), or one of {', '.join(words)}; found {value!r}"
        )


def check_fits(images: Tensor, value: StandIn, *, argument: str = "baseline") -> None:
    """Raise what `stand_in` raises; images may also be (..., C, H, W) with any number of leading axes."""
    dtype = images.dtype
    if dtype is torch.bool or dtype.is_complex:
        raise FaceTypeError(f"expected an image of a floating or integer dtype, found {dtype}")
    check_form(value, argument=argument)
    if isinstance(value, str):
        return
    channels = images.shape[-3]
    if isinstance(value, (Tensor, np.ndarray)) and value.ndim > 1:
        faces = (images.shape[:-3].numel(), *images.shape[-3:])
        if not _broadcasts(tuple(value.shape), faces):
            raise ParamsError(
                f"{argument} of shape {tuple(value.shape)} does not broadcast against (B, C, H, W), here {faces}"
            )
        whole, low, high = _extent(tensor_of(value))
    else:
        flat = _numbers(value)
        if len(flat) not in (1, channels):
            raise ParamsError(
                f"{argument} must be one number, or one for each of {counted(channels, 'channel')}; found "
                f"{len(flat)}: {value!r}"
            )
        whole, low, high = all(number == int(number) for number in flat), min(flat), max(flat)
    least, greatest = _range(dtype)
    if low < least or high > greatest or not (whole or dtype.is_floating_point):
        kind = "a number" if dtype.is_floating_point else "a whole number"
        raise ParamsError(
            f"{argument} must be {kind} from {least:g} to {greatest:g} for an image of {dtype}; found {value!r}"
        )


def _numbers(value: Any) -> list[float]:
    numbers: list[float] = np.ravel(value.detach().cpu() if isinstance(value, Tensor) else value).tolist()
    return numbers


def _range(dtype: torch.dtype) -> tuple[float, float]:
    limits = torch.finfo(dtype) if dtype.is_floating_point else torch.iinfo(dtype)
    return limits.min, limits.max


def _is_finite(value: Tensor | NDArray[Any]) -> bool:
    if isinstance(value, np.ndarray) and value.dtype.kind not in "iuf":
        return False
    tensor = tensor_of(value)
    if tensor.dtype is torch.bool or tensor.is_complex() or not tensor.numel():
        return False
    return not tensor.is_floating_point() or bool(tensor.isfinite().all())


def _extent(values: Tensor) -> tuple[bool, float, float]:
    """Whether all are whole numbers, the least, and the greatest."""
    # torch finds no extremes of uint16 and such.
    low, high = torch.aminmax(values if values.is_floating_point() else values.double())
    whole = not values.is_floating_point() or bool((values == values.round()).all())
    return whole, low.item(), high.item()


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    padded = (1,) * (len(to) - len(shape)) + shape
    return len(shape) <= len(to) and all(size in (1, of) for size, of in zip(padded, to, strict=True))


def _mean(images: Tensor) -> Tensor:
    return images.mean((2, 3), keepdim=True)


def _blur(images: Tensor) -> Tensor:
    height, width = images.shape[2:]
    coarse = F.interpolate(images, (max(height // 8, 1), max(width // 8, 1)), mode="area")
    return F.interpolate(coarse, (height, width), mode="bilinear")


_FROM_IMAGE: dict[str, Callable[[Tensor], Tensor]] = {"mean": _mean, "blur": _blur}

"""What a call gives beside the model: images, region maps and pixels to stand in, checked and named in errors."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceshards.errors import ParamsError, ParserError
from faceshards.ops.erase_torch import as_known, as_maps
from faceshards.ops.stand_in import StandIn, stand_in
from faceshards.ops.tensor import tensor_of

Regions: TypeAlias = Tensor | NDArray[Any]


def checked_images(images: Any, name: str) -> Tensor:
    """(B, C, H, W) of at least one face; raises ParamsError for anything else."""
    if not isinstance(images, Tensor):
        raise ParamsError(
            f"{name}: expected a torch tensor (B, C, H, W), found {_shown(images)}; torch.from_numpy makes one"
        )
    if images.ndim != 4 or images.numel() == 0 or images.is_complex():
        raise ParamsError(f"{name}: expected faces (B, C, H, W), at least one; found {_shown(images)}")
    return images


def region_maps(regions: Regions | None, images: Tensor, parser: Callable[[Tensor], Regions] | None) -> Tensor:
    """Region maps of a call: (B, H, W) uint8.

    Args:
        regions: (B, H, W) or (B, 1, H, W) whole numbers; None calls the parser.
        images: (B, C, H, W).
        parser: gives such maps.

    Raises:
        ParamsError: neither maps nor a parser, or maps that do not fit.
        ParserError: the parser gives something else.
    """
    if regions is not None:
        return _maps(_integers(regions, "regions"), images, "regions")
    if parser is None:
        raise ParamsError("regions: FSCAM needs region maps; pass regions=..., or FSCAM(model, parser=...)")
    parsed = parser(images.clone())
    try:
        return _maps(_integers(parsed, "regions"), images, "regions")
    except ValueError as error:
        raise ParserError(f"the parser gives no region maps: {error}") from error


def feature_maps(mask: Regions | None, images: Tensor, parser: Callable[[Tensor], Regions] | None) -> Tensor:
    """Region maps as Captum takes feature masks: (B, H, W) uint8.

    Args:
        mask: as for `region_maps`, or one map for all faces, (H, W) or (1, H, W); or as Captum's, (B, C, H, W),
            (1, C, H, W) or (C, H, W), where all channels agree. Of (B, H, W) and (C, H, W) it is the former.
        images: (B, C, H, W).
        parser: see `region_maps`.

    Raises:
        ParamsError, ParserError: as `region_maps`; or channels that do not agree.
    """
    if mask is None:
        return region_maps(None, images, parser)
    given = _integers(mask, "feature_mask")
    faces, channels = images.shape[:2]
    if given.ndim == 2:
        given = given[None, None]
    elif given.ndim == 3:
        given = given[:, None] if len(given) in (1, faces) else given[None]
    if given.ndim != 4 or given.shape[1] not in (1, channels) or len(given) not in (1, faces):
        raise ParamsError(
            f"feature_mask: expected (B, H, W) region ids, or as Captum's (B, C, H, W), for images "
            f"{tuple(images.shape)}; found {_shown(mask)}"
        )
    if (given != given[:, :1]).any():
        raise ParamsError(
            "feature_mask: expected the same region ids in all channels, a region is taken out of all of them; found "
            f"channels that differ in {_shown(mask)}; Captum's FeatureAblation takes such masks"
        )
    return _maps(given[:, 0].expand(faces, *given.shape[2:]), images, "feature_mask")


def as_array(given: Any, name: str) -> NDArray[Any]:
    """An array, a tensor or nested lists of real numbers or bools as an array; raises ParamsError for anything else."""
    try:
        if isinstance(given, Tensor):
            found = given.detach().cpu()
            given = (found.float() if found.dtype == torch.bfloat16 else found).numpy()  # numpy has no bfloat16
        array = np.asarray(given)
    except (TypeError, ValueError, RuntimeError):
        array = np.empty(0, object)
    if array.dtype.kind not in "biuf":
        raise ParamsError(f"{name}: expected an array of numbers; found {_shown(given)}")
    return array


def stand_ins(images: Tensor, baseline: StandIn) -> Tensor:
    """What the model sees of hidden pixels, (B, C, H, W); raises ParamsError where a baseline does not fit."""
    try:
        return stand_in(images, baseline).expand_as(images)
    except (RuntimeError, TypeError) as error:
        raise ParamsError(
            f"baseline: expected a number, one number a channel, 'mean', 'blur', or a tensor that broadcasts against "
            f"{tuple(images.shape)}; found {_shown(baseline)}"
        ) from error


def _integers(given: Any, name: str) -> Tensor:
    """Region ids as uint8, of any shape."""
    try:
        regions = tensor_of(given if isinstance(given, Tensor) else np.asarray(given))
    except (TypeError, ValueError, RuntimeError):
        raise ParamsError(f"{name}: expected (B, H, W) whole numbers, found {_shown(given)}") from None
    return as_known(regions)


def _maps(regions: Tensor, images: Tensor, name: str) -> Tensor:
    faces, _, *plane = images.shape
    if list(regions.shape) not in ([faces, *plane], [faces, 1, *plane]):
        raise ParamsError(
            f"{name}: expected a region map for each face and of its size, for images {tuple(images.shape)} "
            f"{(faces, *plane)}; found {tuple(images.shape)} and {tuple(regions.shape)}"
        )
    return as_maps(regions, images)


def _shown(given: Any) -> str:
    if isinstance(given, (Tensor, np.ndarray)):
        return f"{str(given.dtype).removeprefix('torch.')} {tuple(given.shape)}"
    return f"{given!r:.60} ({type(given).__name__})"

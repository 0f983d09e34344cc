"""Erase given regions of images, and flip image and regions together. Plain tensors in, plain tensors out."""

from collections.abc import Iterable
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import TypeIs  # torch depends on it

from faceshards.ops.choice import as_regions
from faceshards.ops.erase_torch import as_maps, index_maps
from faceshards.ops.stand_in import StandIn, stand_in
from faceshards.regions import MIRROR, N_REGIONS

RandomValue: TypeAlias = Literal["random", "random_1", "random_mix"]
Value: TypeAlias = StandIn | RandomValue
"""What replaces an erased pixel. ``"random"`` is N(0, 1) noise, ``"random_1"`` one N(0, 1) colour a region, and
``"random_mix"`` either by a coin a region (for normalised float images); else see `faceshards.ops.stand_in`."""


def erase_regions(
    image: Tensor,
    regions: Tensor,
    erased: Iterable[int | str] | NDArray[np.uint32],
    *,
    value: Value = 0.0,
    inplace: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Replace the pixels of some regions; all others stay as they are.

    Args:
        image: (..., C, H, W), floating or integer, on any device.
        regions: (..., H, W) or (..., 1, H, W) region ids of an integer dtype; 255 is no region.
        erased: ids or names of the regions to erase in every face, or a uint32 bit mask a face, as from
            `faceshards.ops.erase.draw_classes`.
        value: see `Value`; numbers are in the units of `image`.
        inplace: write into `image` and return it.
        generator: of the random values; None follows torch's global seed.

    Returns:
        The image, of the same shape, dtype and device.

    Raises:
        TypeError: a random value for an integer image.
        ValueError: shapes that do not belong together, or a value of the wrong form.
        UnknownRegionError: a name is none of the regions'.
    """
    maps = as_maps(regions, image)
    positions = index_maps(maps).positions(_masks(erased, len(maps)))
    return replace_pixels(image, maps, positions, value=value, inplace=inplace, generator=generator)


def replace_pixels(
    image: Tensor,
    maps: Tensor,
    positions: Tensor,
    *,
    value: Value,
    inplace: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """`erase_regions` where the pixels are known: `positions` in the flattened (B, H, W) region maps, ascending."""
    check_value(image, value)
    positions = positions.to(image.device)
    out = image if inplace and image.is_contiguous() else image.clone(memory_format=torch.contiguous_format)
    faces = out.view(-1, *image.shape[-3:])
    size = image.shape[-2] * image.shape[-1]
    face = positions // size
    values = _values(faces, maps, positions, face, value, generator)
    in_first_channel = positions + face * ((image.shape[-3] - 1) * size)
    for channel, of_channel in enumerate(values):
        out.view(-1)[channel * size :].scatter_(0, in_first_channel, of_channel)
    return image.copy_(out) if inplace and out is not image else out


def hflip_regions(image: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
    """Flip image and regions left to right; every right region becomes its left counterpart and the reverse.

    Args:
        image: (..., W), any dtype.
        regions: (..., W) region ids of an integer dtype; what is no region (255) stays.
    """
    table = torch.arange(256)
    table[:N_REGIONS] = torch.tensor(MIRROR)
    mirrored = table.to(regions.device)[regions.flip(-1).to(torch.uint8).long()]
    return image.flip(-1), mirrored.to(regions.dtype)


def is_random(value: Value) -> TypeIs[RandomValue]:
    """Whether `value` is one of the random ones."""
    return isinstance(value, str) and value in ("random", "random_1", "random_mix")


def check_value(image: Tensor, value: Value) -> None:
    """Raise TypeError where random values, which are N(0, 1), are asked for in an integer image."""
    if is_random(value) and not image.is_floating_point():
        raise TypeError(
            f"value={value!r} is N(0, 1) noise and needs a floating image, found {image.dtype}: put "
            "v2.ToDtype(torch.float32, scale=True) and v2.Normalize before, or use a number, 'mean' or 'blur' "
            "(faceshards.ops.erase makes noise for uint8 arrays)"
        )


def _masks(erased: Iterable[int | str] | NDArray[np.uint32], faces: int) -> NDArray[np.uint32]:
    if isinstance(erased, np.ndarray):
        if erased.shape != (faces,) or erased.dtype != np.uint32:
            raise ValueError(f"expected a uint32 mask for each of {faces} faces, found {erased.dtype} {erased.shape}")
        return erased
    bits = sum({1 << region for region in as_regions(erased)})
    return np.full(faces, bits, np.uint32)


def _values(
    faces: Tensor, maps: Tensor, positions: Tensor, face: Tensor, value: Value, generator: torch.Generator | None
) -> Tensor:
    """What replaces each erased pixel: (C, N), for `positions` in ``maps.flatten()``, which lie in `face`."""
    channels = faces.shape[1]
    if not is_random(value):
        stand_ins = stand_in(faces, value)
        if stand_ins.shape[2:] == (1, 1):
            return stand_ins.expand(len(faces), channels, 1, 1)[face, :, 0, 0].T
        return stand_ins.expand_as(faces).movedim(1, 0).reshape(channels, -1)[:, positions]
    noise_of = _generator_on(faces.device, generator)

    def normal(count: int) -> Tensor:
        return torch.randn(channels, count, generator=noise_of, device=faces.device).to(faces.dtype)

    if value == "random":
        return normal(len(positions))
    of_region = face * N_REGIONS + maps.flatten().to(face.device)[positions]
    one_colour = normal(len(faces) * N_REGIONS)[:, of_region]
    if value == "random_1":
        return one_colour
    heads = torch.rand(len(faces) * N_REGIONS, generator=noise_of, device=faces.device) < 0.5
    return torch.where(heads[of_region], normal(len(positions)), one_colour)


def _generator_on(device: torch.device, generator: torch.Generator | None) -> torch.Generator | None:
    """A generator that can fill tensors of `device`: itself, or one seeded from it."""
    if generator is None or generator.device.type == device.type:
        return generator
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    return torch.Generator(device).manual_seed(seed)

"""Erase given regions of images, and flip image and regions together. Plain tensors in, plain tensors out."""

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.graph import increment_version
from typing_extensions import TypeIs  # torch depends on it

from faceshards.ops.choice import as_regions
from faceshards.ops.erase_torch import Pixels, as_maps, find
from faceshards.ops.noise import HostNoise, Noise, noise
from faceshards.ops.stand_in import StandIn, stand_in
from faceshards.regions import MIRROR, N_REGIONS

RandomValue: TypeAlias = Literal["random", "random_1", "random_mix"]
Value: TypeAlias = StandIn | RandomValue
"""What replaces an erased pixel. ``"random"`` is noise, ``"random_1"`` one random colour a region, and ``"random_mix"``
either by a coin a region: N(0, 1) in floating images, which should be normalised, and uniform over 0 to 255 in uint8.
Else see `faceshards.ops.stand_in`."""


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
            `faceshards.ops.erase.draw_regions`.
        value: see `Value`; numbers are in the units of `image`.
        inplace: write into `image` and return it.
        generator: of the random values; None follows torch's global seed.

    Returns:
        The image, of the same shape, dtype and device.

    Raises:
        TypeError: a random value for an image that is neither floating nor uint8.
        ValueError: shapes that do not belong together, or a value of the wrong form.
        UnknownRegionError: a name is none of the regions'.
    """
    check_value(image, value)
    maps = as_maps(regions, image)
    gone = find(maps, _masks(erased, len(maps)))
    seed = draw_seed(generator) if is_random(value) else 0
    return replace_pixels(image, maps, gone, value=value, seed=seed, inplace=inplace)


def replace_pixels(
    image: Tensor, maps: Tensor, gone: Tensor, *, value: Value, seed: int, inplace: bool = False
) -> Tensor:
    """`erase_regions` where the pixels are known.

    Args:
        image: see `erase_regions`, as are `value` and `inplace`.
        maps: (B, H, W) uint8, from `faceshards.ops.erase_torch.as_maps`.
        gone: (B, H, W) bool, where a pixel goes.
        seed: of the random values.
    """
    by_pixel = _is_by_pixel(image)
    if inplace and not (by_pixel or image.is_contiguous()):
        return image.copy_(replace_pixels(image, maps, gone, value=value, seed=seed))
    if value == "random" and _is_array(image):
        array = image.numpy()
        faces = array.reshape(len(maps), *array.shape[-3:])
        made = (_noise_by_pixel if by_pixel else _noise_by_plane)(faces, gone.numpy(), seed, inplace)
        if not inplace:
            return torch.from_numpy(made.reshape(array.shape))
        increment_version(image)  # autograd does not see what numpy writes
        return image
    out = image if inplace else image.clone(memory_format=None if by_pixel else torch.contiguous_format)
    channels, size = image.shape[-3], image.shape[-2] * image.shape[-1]
    pixels = Pixels.of(gone.to(image.device))
    values = _values(out.view(len(maps), *image.shape[-3:]), maps, pixels, value, seed)
    if by_pixel:
        flat, places, step = out.movedim(-3, -1).view(-1), pixels.places_in(size) * channels, 1
    else:
        flat, places, step = out.view(-1), pixels.places_in(channels * size), size
    for channel, of_channel in enumerate(values):
        flat[channel * step :].scatter_(0, places, of_channel)
    return out


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
    """Raise TypeError where random values are asked for in an image of which they cannot know the range."""
    if is_random(value) and not (image.is_floating_point() or image.dtype is torch.uint8):
        raise TypeError(
            f"value={value!r} needs a uint8 image or a floating one, found {image.dtype}: put "
            "v2.ToDtype(torch.float32, scale=True) and v2.Normalize before, or use a number, 'mean' or 'blur'"
        )


def draw_seed(generator: torch.Generator | None) -> int:
    """A seed for `replace_pixels`, of 63 bits; None follows torch's global seed."""
    device = None if generator is None else generator.device
    return int(torch.randint(2**63 - 1, (), generator=generator, device=device))


def _masks(erased: Iterable[int | str] | NDArray[np.uint32], faces: int) -> NDArray[np.uint32]:
    if isinstance(erased, np.ndarray):
        if erased.shape != (faces,) or erased.dtype != np.uint32:
            raise ValueError(f"expected a uint32 mask for each of {faces} faces, found {erased.dtype} {erased.shape}")
        return erased
    bits = sum({1 << region for region in as_regions(erased)})
    return np.full(faces, bits, np.uint32)


_NUMPYS = (torch.float32, torch.uint8, torch.float16, torch.float64)


def _is_array(image: Tensor) -> bool:
    """Whether numpy can do the work."""
    return image.dtype in _NUMPYS and image.device.type == "cpu" and not image.requires_grad


def _is_by_pixel(image: Tensor) -> bool:
    """Whether a pixel's channels lie side by side, which torch calls channels_last."""
    return not image.is_contiguous() and image.movedim(-3, -1).is_contiguous()


def _noise_by_plane(old: NDArray[Any], gone: NDArray[np.bool_], seed: int, inplace: bool) -> NDArray[Any]:
    """What `"random"` does, on arrays (B, C, H, W).

    Face by face, so that a face is still in the processor's cache when it has been copied and is to be overwritten.
    """
    new = old if inplace else np.empty_like(old, order="C")
    channels = old.shape[1]
    values = _noise_of_pixels(old, gone, seed, "F").T
    end = 0
    for old_face, face, flags in zip(old, new, gone, strict=True):
        if not inplace:
            np.copyto(face, old_face)
        (places,) = flags.reshape(-1).nonzero()
        begin, end = end, end + len(places)
        for channel, of_channel in zip(face.reshape(channels, -1), values, strict=True):
            channel[places] = of_channel[begin:end]
    return new


def _noise_by_pixel(old: NDArray[Any], gone: NDArray[np.bool_], seed: int, inplace: bool) -> NDArray[Any]:
    """The same where a pixel is one stretch of memory, and is moved as one."""
    new = old if inplace else old.copy(order="K")
    values = _noise_of_pixels(old, gone, seed, "C").astype(old.dtype, copy=False)
    pixel = np.dtype((np.void, values.itemsize * values.shape[1]))
    new.transpose(0, 2, 3, 1).reshape(-1, copy=False).view(pixel)[gone.reshape(-1)] = values.reshape(-1).view(pixel)
    return new


def _noise_of_pixels(faces: NDArray[Any], gone: NDArray[np.bool_], seed: int, order: Literal["C", "F"]) -> NDArray[Any]:
    """A row a pixel: (N, C)."""
    numbers, number, channels = HostNoise(seed), int(np.count_nonzero(gone)), faces.shape[1]
    return numbers.octets(number, channels) if faces.dtype == np.uint8 else numbers.normal(number, channels, order)


def _values(faces: Tensor, maps: Tensor, pixels: Pixels, value: Value, seed: int) -> Tensor:
    """What replaces each of `pixels`: (C, N) of the dtype and on the device of `faces` (B, C, H, W)."""
    batch, channels, height, width = faces.shape
    if not is_random(value):
        stand_ins = stand_in(faces, value)
        if stand_ins.shape[2:] == (1, 1):
            return pixels.each(stand_ins.expand(batch, channels, 1, 1)[:, :, 0, 0].T)
        return stand_ins.expand_as(faces).movedim(1, 0).reshape(channels, -1)[:, pixels.places_in(height * width)]
    numbers = noise(seed, faces.device)
    if value == "random":
        return _random(numbers, faces.dtype, len(pixels.places), channels)
    region = pixels.each(torch.arange(batch, device=faces.device) * N_REGIONS)
    region += maps.flatten().to(faces.device)[pixels.places_in(height * width)]
    values = _random(numbers, faces.dtype, batch * N_REGIONS, channels)[:, region]
    if value == "random_mix":
        heads = numbers.coins(batch * N_REGIONS)[region]
        values = torch.where(heads, _random(numbers, faces.dtype, len(pixels.places), channels), values)
    return values


def _random(numbers: Noise, dtype: torch.dtype, count: int, channels: int) -> Tensor:
    """Random values for so many pixels of an image of some dtype: (C, N), drawn pixel by pixel."""
    make = numbers.octets if dtype is torch.uint8 else numbers.normal
    return make(count, channels).to(dtype).T

"""Erase given regions of images, and flip image and regions together. Plain tensors in, plain tensors out."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.graph import increment_version

from faceshards.counted import counted
from faceshards.errors import FaceError, ParamsError
from faceshards.ops.arguments import as_regions
from faceshards.ops.erase_torch import Pixels, as_known, as_maps, check_tensors, find
from faceshards.ops.noise import HostNoise, Noise, noise
from faceshards.ops.stand_in import stand_in
from faceshards.regions import MIRROR, N_REGIONS
from faceshards.transforms._fill import Fill, check_fill_of, check_inplace, is_random
from faceshards.transforms._workers import seed_in_worker, watch


def erase_regions(
    image: Tensor,
    regions: Tensor,
    erased: Iterable[int | str] | NDArray[np.uint32] | np.uint32 | Tensor,
    *,
    fill: Fill = 0.0,
    inplace: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Replace the pixels of some regions; all others stay as they are.

    For example ``erase_regions(images, regions, ["nose", "mouth"], fill="mean")``.

    Args:
        image: (..., C, H, W), floating or integer, on any device.
        regions: (..., H, W) or (..., 1, H, W) region ids of an integer dtype; 255 is no region.
        erased: a list, tuple or set of ids or names of the regions to erase in every face; or an array or tensor of
            uint32 bit masks, one a face, (B,) or () for one face, in which bit ``r`` says that region ``r`` goes, as in
            the loader's field `erased`. Whole numbers in an array are masks, and in a list ids.
        fill: ``"random"``, ``"random_1"``, ``"random_mix"``, a number, one a channel, a tensor, ``"mean"`` or
            ``"blur"``, as for `FSErasing`; numbers are in the units of `image`.
        inplace: write into `image` and return it.
        generator: of the random values; None follows torch's global seed. A DataLoader worker sets its copy of a
            generator apart, as for `FSErasing`.

    Returns:
        The image, of the same shape, dtype and device.

    Raises:
        FaceTypeError: image or map is no tensor or of a dtype that it cannot have; random values for an image that is
            neither floating nor uint8.
        FaceError: shapes that do not belong together, or ids in `regions` that are no region's; `inplace` for an image
            that cannot be written to.
        ParamsError: a `fill` of the wrong form, or that the image's dtype cannot hold; an `erased` of the wrong form; a
            `generator` that is none.
        UnknownRegionError: `erased` has a name or an id that is no region's.
    """
    maps = as_maps(regions, image)
    check_fill_of(image, fill)
    if inplace:
        check_inplace(image)
    gone = find(maps, _masks(erased, len(maps)))
    seed = draw_seed(generator) if is_random(fill) else 0
    return replace_pixels(image, maps, gone, fill=fill, seed=seed, inplace=inplace)


def replace_pixels(
    image: Tensor, maps: Tensor, gone: Tensor, *, fill: Fill, seed: int, inplace: bool = False
) -> Tensor:
    """`erase_regions` where the pixels are known.

    Args:
        image: see `erase_regions`, as are `fill` and `inplace`.
        maps: (B, H, W) uint8, from `faceshards.ops.erase_torch.as_maps`.
        gone: (B, H, W) bool, where a pixel goes.
        seed: of the random values.
    """
    by_pixel = _is_by_pixel(image)
    if inplace and not (by_pixel or image.is_contiguous()):
        return image.copy_(replace_pixels(image, maps, gone, fill=fill, seed=seed))
    if is_random(fill) and fill == "random" and _is_array(image):
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
    values = _values(out.view(len(maps), *image.shape[-3:]), maps, pixels, fill, seed)
    if by_pixel:
        flat, places, step = out.movedim(-3, -1).view(-1), pixels.places_in(size) * channels, 1
    else:
        flat, places, step = out.view(-1), pixels.places_in(channels * size), size
    for channel, of_channel in enumerate(values):
        flat[channel * step :].scatter_(0, places, of_channel)
    return out


def hflip_regions(image: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
    """Flip image and regions left to right; every right region becomes its left counterpart and the reverse.

    For example ``images, regions = hflip_regions(images, regions)``; `RandomHorizontalFlip` does so by a coin.

    Args:
        image: (..., C, H, W) or (..., H, W), any dtype.
        regions: (..., H, W) or (..., 1, H, W) region ids of an integer dtype; what is no region (255) stays.

    Raises:
        FaceTypeError: one of them is no tensor, or `regions` is not of an integer dtype.
        FaceError: their shapes do not agree, or `regions` has ids that are no region's.
    """
    check_tensors(image, regions)
    lead, plane = image.shape[:-3], image.shape[-2:]
    if image.ndim < 2 or regions.shape not in (image.shape, lead + plane, (*lead, 1, *plane)):
        raise FaceError(
            f"expected an image (..., H, W) and regions (..., H, W) of the same size, "
            f"found {tuple(image.shape)} and {tuple(regions.shape)}"
        )
    return image.flip(-1), mirrored(regions)


def mirrored(regions: Tensor) -> Tensor:
    """The region map of the flipped face: (..., W) of an integer dtype to the same; raises as `hflip_regions`."""
    table = torch.arange(256)
    table[:N_REGIONS] = torch.tensor(MIRROR)
    return table.to(regions.device)[as_known(regions).flip(-1).long()].to(regions.dtype)


def draw_seed(generator: torch.Generator | None) -> int:
    """A seed for `replace_pixels`, of 63 bits; None follows torch's global seed."""
    if generator is None:
        return int(torch.randint(2**63 - 1, ()))
    watch(generator)
    seed_in_worker(generator)
    return int(torch.randint(2**63 - 1, (), generator=generator, device=generator.device))


def _masks(erased: Any, faces: int) -> NDArray[np.uint32]:
    if hasattr(erased, "dtype"):
        if str(erased.dtype) not in ("uint32", "torch.uint32"):
            raise ParamsError(
                f"erased: found {erased.dtype} {tuple(erased.shape)}; masks are uint32, ids come as a list"
            )
        masks = np.asarray(erased.detach().cpu() if isinstance(erased, Tensor) else erased)
        if masks.shape not in ((faces,), () if faces == 1 else (faces,)):
            raise ParamsError(
                f"erased must be a uint32 mask for each of {counted(faces, 'face')}; found {masks.shape}; "
                "ids come as a list"
            )
        if (masks >> N_REGIONS).any():
            raise ParamsError(f"erased must set no bit of {N_REGIONS} or above; found {masks.tolist()}")
        return masks.reshape(faces)
    if isinstance(erased, (str, bytes, Mapping)) or not isinstance(erased, Iterable):
        raise ParamsError(
            f"erased must be a list of names or ids of regions, as ['nose', 'mouth'], or uint32 masks; found {erased!r}"
        )
    bits = sum({1 << region for region in as_regions("erased", erased)})
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


def _values(faces: Tensor, maps: Tensor, pixels: Pixels, fill: Fill, seed: int) -> Tensor:
    """What replaces each of `pixels`: (C, N) of the dtype and on the device of `faces` (B, C, H, W)."""
    batch, channels, height, width = faces.shape
    if not is_random(fill):
        stand_ins = stand_in(faces, fill, argument="fill")
        if stand_ins.shape[2:] == (1, 1):
            return pixels.each(stand_ins.expand(batch, channels, 1, 1)[:, :, 0, 0].T)
        return stand_ins.expand_as(faces).movedim(1, 0).reshape(channels, -1)[:, pixels.places_in(height * width)]
    numbers = noise(seed, faces.device)
    if fill == "random":
        return _random(numbers, faces.dtype, len(pixels.places), channels)
    region = pixels.each(torch.arange(batch, device=faces.device) * N_REGIONS)
    region += maps.flatten().to(faces.device)[pixels.places_in(height * width)]
    values = _random(numbers, faces.dtype, batch * N_REGIONS, channels)[:, region]
    if fill == "random_mix":
        heads = numbers.coins(batch * N_REGIONS)[region]
        values = torch.where(heads, _random(numbers, faces.dtype, len(pixels.places), channels), values)
    return values


def _random(numbers: Noise, dtype: torch.dtype, count: int, channels: int) -> Tensor:
    """Random values for so many pixels of an image of some dtype: (C, N), drawn pixel by pixel."""
    make = numbers.octets if dtype is torch.uint8 else numbers.normal
    return make(count, channels).to(dtype).T

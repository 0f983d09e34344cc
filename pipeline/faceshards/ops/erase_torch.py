"""Looks at region maps that are torch tensors.

On the CPU a tensor shares its memory with an array, and numpy looks. On another device the counts and lookups run
there; only the counts, 25 numbers a face, come to the host to draw from.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceshards.errors import FaceError, FaceTypeError
from faceshards.maps import bit_table, known_ids, pixels_of, region_areas, unknown_ids
from faceshards.ops.preference import Preference
from faceshards.regions import IGNORE, N_REGIONS


class Pixels(NamedTuple):
    """Pixels of the faces of a batch, one face after the other.

    Attributes:
        places: (N,) int64, in the flattened map of the pixel's own face.
        number: (B,) int64, how many of them lie in each face.
    """

    places: Tensor
    number: Tensor

    @classmethod
    def of(cls, gone: Tensor) -> "Pixels":
        """Those that are set in (B, H, W) flags."""
        flat = gone.flatten(1)
        return cls(flat.nonzero()[:, 1].contiguous(), flat.sum(1))

    def each(self, of_face: Tensor) -> Tensor:
        """What is given for each face, (..., B), for each pixel: (..., N)."""
        return of_face.repeat_interleave(self.number, -1, output_size=len(self.places))

    def places_in(self, step: int) -> Tensor:
        """(N,) int64 places where a face begins every `step` pixels."""
        if len(self.number) == 1:
            return self.places
        return self.each(torch.arange(len(self.number), device=self.number.device) * step).add_(self.places)


def as_maps(regions: Tensor, image: Tensor) -> Tensor:
    """The region maps of an image or a batch as (B, H, W) contiguous uint8.

    Raises:
        FaceTypeError: image or map is no tensor, or the map is not of an integer dtype.
        FaceError: their shapes do not agree, or a pixel of the map has an id that is no region's.
    """
    check_tensors(image, regions)
    lead, plane = image.shape[:-3], image.shape[-2:]
    if image.ndim < 3 or (regions.shape != lead + plane and regions.shape != (*lead, 1, *plane)):
        raise FaceError(
            f"expected an image (..., C, H, W) and regions (..., H, W) of the same size, "
            f"found {tuple(image.shape)} and {tuple(regions.shape)}"
        )
    return as_known(regions.reshape(lead.numel(), *plane)).contiguous()


def check_tensors(image: object, regions: object) -> None:
    """Raise FaceTypeError where one of them is no tensor."""
    for what, given in ("image", image), ("region map", regions):
        if not isinstance(given, Tensor):
            raise FaceTypeError(f"the {what} must be a torch.Tensor, found {type(given).__name__}")


def as_known(regions: Tensor) -> Tensor:
    """`known_ids` of a tensor of any shape, on its device."""
    if regions.is_floating_point() or regions.is_complex() or regions.dtype is torch.bool:
        raise FaceTypeError(f"a region map must have an integer dtype, found {regions.dtype}")
    return torch.from_numpy(known_ids(regions.numpy())) if _on_host(regions) else _known_on_device(regions)


def areas_of(maps: Tensor) -> NDArray[np.int32]:
    """`region_areas` of (B, H, W) contiguous uint8 maps: (B, 25) on the host."""
    return region_areas(maps.numpy()) if _on_host(maps) else _areas_on_device(maps)


def find(maps: Tensor, masks: NDArray[np.uint32]) -> Tensor:
    """`pixels_of` of (B, H, W) contiguous uint8 maps: (B, H, W) bool on their device."""
    return torch.from_numpy(pixels_of(maps.numpy(), masks)) if _on_host(maps) else _find_on_device(maps, masks)


def take(maps: Tensor, preference: Preference, least: int) -> tuple[NDArray[np.uint32], Tensor]:
    """The regions that go, as (B,) masks on the host, and where their pixels are; see `Preference.seek`."""
    if _on_host(maps):
        masks, gone = preference.seek(maps.numpy(), least)
        return masks, torch.from_numpy(gone)
    masks = preference.among(_areas_on_device(maps), least)
    return masks, _find_on_device(maps, masks)


def _on_host(tensor: Tensor) -> bool:
    return tensor.device.type == "cpu"


def _known_on_device(regions: Tensor) -> Tensor:
    ids = regions if regions.dtype is torch.uint8 else regions.long()
    wrong = ((ids < 0) | (ids >= N_REGIONS)) & (ids != IGNORE)
    if wrong.any():
        raise unknown_ids(torch.unique(ids[wrong]).tolist())
    return ids.to(torch.uint8)


def _areas_on_device(maps: Tensor) -> NDArray[np.int32]:
    faces = len(maps)
    codes = maps.flatten(1).long() + torch.arange(faces, device=maps.device)[:, None] * 256
    counts = torch.bincount(codes.flatten(), minlength=faces * 256).view(faces, 256)
    return counts[:, :N_REGIONS].to(torch.int32).cpu().numpy()


def _find_on_device(maps: Tensor, masks: NDArray[np.uint32]) -> Tensor:
    table = torch.from_numpy(bit_table(masks)).to(maps.device)
    return table.gather(1, maps.flatten(1).long()).view(maps.shape)

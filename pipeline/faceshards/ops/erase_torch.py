"""The kernel of `faceshards.ops.erase` on torch tensors.

On the CPU a tensor shares its memory with an array, and numpy does the work. On another device the counts and lookups
run there; only the counts, 25 numbers a face, come to the host to draw from.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceshards.ops.preference import Preference
from faceshards.ops.runs import IDS, Runs, erased_table
from faceshards.regions import N_REGIONS


class Pixels(NamedTuple):
    """Pixels of the faces of a batch, one face after the other.

    Attributes:
        places: (N,) int64, in the flattened map of the pixel's own face.
        number: (B,) int64, how many of them lie in each face.
    """

    places: Tensor
    number: Tensor

    def each(self, of_face: Tensor) -> Tensor:
        """What is given for each face, (..., B), for each pixel: (..., N)."""
        return of_face.repeat_interleave(self.number, -1, output_size=len(self.places))

    def places_in(self, step: int) -> Tensor:
        """(N,) int64 places where a face begins every `step` pixels."""
        if len(self.number) == 1:
            return self.places
        return self.each(torch.arange(len(self.number), device=self.number.device) * step).add_(self.places)

    def to(self, device: torch.device) -> "Pixels":
        """The same on a device."""
        return Pixels(self.places.to(device), self.number.to(device))


Found: TypeAlias = list[NDArray[np.int64]] | Pixels
"""Pixels as they are found: on the CPU each face's places by themselves, on a device in one piece."""


def as_pixels(found: Found) -> Pixels:
    """Pixels in one piece."""
    if isinstance(found, Pixels):
        return found
    places = np.concatenate([*found, np.empty(0, np.int64)])
    return Pixels(torch.from_numpy(places), torch.tensor([len(of_face) for of_face in found], dtype=torch.int64))


def as_maps(regions: Tensor, image: Tensor) -> Tensor:
    """The region maps of an image or a batch as (B, H, W) contiguous uint8; raises where their shapes do not agree."""
    lead, plane = image.shape[:-3], image.shape[-2:]
    if image.ndim < 3 or (regions.shape != lead + plane and regions.shape != (*lead, 1, *plane)):
        raise ValueError(
            f"expected an image (..., C, H, W) and regions (..., H, W) of the same size, "
            f"found {tuple(image.shape)} and {tuple(regions.shape)}"
        )
    return regions.reshape(-1, *plane).to(torch.uint8).contiguous()


def region_areas(maps: Tensor) -> NDArray[np.int32]:
    """Pixels of each region: (B, H, W) contiguous uint8 maps to (B, 25) on the host."""
    return Runs.of(maps.numpy()).areas() if maps.device.type == "cpu" else _DeviceIndex(maps).areas()


def find(maps: Tensor, erased: NDArray[np.uint32]) -> Found:
    """The pixels of the regions in (B,) masks: of (B, H, W) contiguous uint8 maps."""
    if maps.device.type != "cpu":
        return _DeviceIndex(maps).find(erased)
    begins = np.arange(len(maps)) * (maps.shape[1] * maps.shape[2])
    positions = Runs.of(maps.numpy()).positions(erased)
    by_face = np.split(positions, positions.searchsorted(begins[1:])) if len(maps) else []
    return [places - begin for places, begin in zip(by_face, begins, strict=True)]


def take(maps: Tensor, preference: Preference, least: int, greatest: int | None) -> tuple[NDArray[np.uint32], Found]:
    """The regions that go, as (B,) masks on the host, and their pixels; see `Preference.among`."""
    if maps.device.type == "cpu":
        return preference.seek(maps.numpy(), least, greatest)
    index = _DeviceIndex(maps)
    masks = preference.among(index.areas(), least, greatest)
    return masks, index.find(masks)


class _DeviceIndex:
    """Region maps (B, H, W), made ready to be counted and looked up on a device."""

    def __init__(self, maps: Tensor) -> None:
        self._ids = maps.flatten(1).clamp(max=IDS - 1).long()

    def areas(self) -> NDArray[np.int32]:
        """Pixels of each region: (B, 25) on the host."""
        faces = len(self._ids)
        codes = self._ids + torch.arange(faces, device=self._ids.device)[:, None] * IDS
        counts = torch.bincount(codes.flatten(), minlength=faces * IDS).view(faces, IDS)
        return counts[:, :N_REGIONS].to(torch.int32).cpu().numpy()

    def find(self, erased: NDArray[np.uint32]) -> Pixels:
        """See the function `find`."""
        table = torch.from_numpy(erased_table(erased)).to(self._ids.device)
        gone = table.gather(1, self._ids)
        return Pixels(gone.nonzero()[:, 1].contiguous(), gone.sum(1))

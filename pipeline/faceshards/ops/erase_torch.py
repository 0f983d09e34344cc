"""The kernel of `faceshards.ops.erase` on torch tensors.

On the CPU a tensor shares its memory with an array and `Runs` does the work. On another device the counts and lookups
run there; only the counts, 25 numbers a face, come to the host to draw from.
"""

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceshards.ops.runs import Runs, erased_table
from faceshards.regions import N_REGIONS


def as_maps(regions: Tensor, image: Tensor) -> Tensor:
    """The region maps of an image or a batch as (B, H, W) contiguous uint8; raises where their shapes do not agree."""
    lead, plane = image.shape[:-3], image.shape[-2:]
    if image.ndim < 3 or regions.shape not in (lead + plane, (*lead, 1, *plane)):
        raise ValueError(
            f"expected an image (..., C, H, W) and regions (..., H, W) of the same size, "
            f"found {tuple(image.shape)} and {tuple(regions.shape)}"
        )
    return regions.reshape(-1, *plane).to(torch.uint8).contiguous()


class MapIndex(Protocol):
    """Region maps (B, H, W), made ready to be counted and looked up."""

    def areas(self) -> NDArray[np.int32]:
        """Pixels of each region: (B, 25) on the host."""

    def positions(self, erased: NDArray[np.uint32]) -> Tensor:
        """Places, ascending, of erased pixels in the flattened maps: (B,) masks to (N,) int64 on the maps' device."""


def index_maps(maps: Tensor) -> MapIndex:
    """Index (B, H, W) contiguous uint8 region maps where they lie."""
    return _HostIndex(Runs.of(maps.numpy())) if maps.device.type == "cpu" else _DeviceIndex(maps)


class _HostIndex:
    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    def areas(self) -> NDArray[np.int32]:
        return self._runs.areas()

    def positions(self, erased: NDArray[np.uint32]) -> Tensor:
        return torch.from_numpy(self._runs.positions(erased))


class _DeviceIndex:
    def __init__(self, maps: Tensor) -> None:
        self._ids = maps.flatten(1).long()

    def areas(self) -> NDArray[np.int32]:
        faces = len(self._ids)
        codes = self._ids + torch.arange(faces, device=self._ids.device)[:, None] * 256
        counts = torch.bincount(codes.flatten(), minlength=faces * 256).view(faces, 256)
        return counts[:, :N_REGIONS].to(torch.int32).cpu().numpy()

    def positions(self, erased: NDArray[np.uint32]) -> Tensor:
        table = torch.from_numpy(erased_table(erased)).to(self._ids.device)
        return table.gather(1, self._ids).flatten().nonzero().squeeze(1)

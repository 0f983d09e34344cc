"""Copies of faces that show one region each, or all but one, and what their scores come to by region."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from faceshards.cam.copies import Copies
from faceshards.ops.erase_torch import areas_of
from faceshards.regions import N_REGIONS, REGION_NAMES

_WHOLE = -1


@dataclass(frozen=True, eq=False)  # tensors do not compare to one bool
class RegionCopies:
    """A copy for each region that a face shows, and some of whole faces.

    When regions are erased, each face has one with nothing hidden. When they are kept, faces of ignored pixels alone
    have one: their scores are NaN, yet the model and the target are seen to fit.

    Attributes:
        copies: N of them.
        region: (N,) int64, the region that is kept or erased; -1 for a whole face.
        maps: (B, H, W) uint8.
        keep: whether the region is kept or erased.
    """

    copies: Copies
    region: Tensor
    maps: Tensor
    keep: bool

    @classmethod
    def of(cls, images: Tensor, stand_ins: Tensor, maps: Tensor, *, keep: bool) -> "RegionCopies":
        """Copies of `images` (B, C, H, W) by their `maps` (B, H, W) uint8; `stand_ins` as in `Copies`."""
        maps = maps.to(images.device)
        face, region = torch.from_numpy(np.argwhere(areas_of(maps) > 0)).to(images.device).unbind(1)
        whole = torch.arange(len(images), device=images.device)
        whole = whole[~torch.isin(whole, face)] if keep else whole
        face, region = torch.cat([face, whole]), torch.cat([region, torch.full_like(whole, _WHOLE)])

        def visible(part: Tensor) -> Tensor:
            of_region = maps[face[part]] == region[part, None, None]
            return (of_region == keep) | (region[part] == _WHOLE)[:, None, None]

        def name(place: int) -> str:
            number = int(region[place])
            if number == _WHOLE:
                return "with nothing hidden"
            return f"partly hidden, {'with only' if keep else 'without'} {REGION_NAMES[number]} (region {number})"

        return cls(Copies(images, stand_ins, face, visible, name), region, maps, keep)

    def by_region(self, seen: Tensor) -> Tensor:
        """(N, K) scores of the copies to (B, 25, K) scores of regions, NaN where a face does not show one.

        A kept region has its copy's score; an erased one how far it falls below the whole face's.
        """
        hidden = self.region != _WHOLE
        table = seen.new_full((len(self.maps), N_REGIONS, seen.shape[1]), torch.nan)
        table[self.copies.face[hidden], self.region[hidden]] = seen[hidden]
        return table if self.keep else seen[~hidden][:, None] - table

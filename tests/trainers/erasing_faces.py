"""A map-style dataset around the faces, as people write it: tv_tensors through `v2.Compose` with `FSErasing` in it.

Every face has the same picture, so that two of the same pixels were erased by the same draw.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from stores import SIDE
from torchvision import tv_tensors
from torchvision.transforms import v2

import faceshards
from faceshards.transforms import FSErasing

BANDS = (faceshards.Region.NOSE, faceshards.Region.MOUTH, faceshards.Region.HAIR, faceshards.Region.LEFT_BROW)


class ErasedFaces(torch.utils.data.Dataset[dict[str, Any]]):
    """The training split, each face erased anew at every visit."""

    def __init__(self, shards: Path) -> None:
        self.faces = faceshards.open(shards, split="train", fields=["sample_id", "label", "image"])
        self.picture = torch.from_numpy(self.faces[0]["image"]).movedim(-1, 0)
        bands = np.repeat(np.array(BANDS, np.uint8), SIDE // len(BANDS))
        self.regions = torch.from_numpy(bands[:, None].repeat(SIDE, 1))
        self.transform = v2.Compose([FSErasing(p=1), v2.ToDtype(torch.float32, scale=True)])

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, index: int) -> dict[str, Any]:
        face = self.faces[index]
        image, _ = self.transform(tv_tensors.Image(self.picture), tv_tensors.Mask(self.regions))
        return {"sample_id": face["sample_id"], "label": int(face["label"]), "image": image}

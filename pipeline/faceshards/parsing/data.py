"""The training stream: which face, which donor, which augmentation, all from (seed, position)."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from faceshards import rng
from faceshards.parsing.augment import augment
from faceshards.parsing.crops import Cut, FaceFiles

_STREAM = 0x7A11


class AugmentedFaces(Dataset[tuple[Tensor, Tensor]]):
    """An endless stream of samples: item i is an image (112, 112, 3) uint8 and its regions (112, 112) uint8.

    Item i depends on (seed, i) alone, so any worker may make it and a resumed run continues identically.

    Args:
        faces: training crops.
        weights: of each source, in order; sources without a face have no share.
        seed: of all draws.
    """

    def __init__(self, faces: FaceFiles, weights: Sequence[float], seed: int) -> None:
        self._faces = faces
        rows = [np.flatnonzero(faces.groups == group) for group in range(len(weights))]
        self._rows = [r for r in rows if len(r)]
        self._edges = np.cumsum([w for w, r in zip(weights, rows, strict=True) if len(r)])
        self._key = rng.fold(np.uint64(seed), _STREAM)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        draw = np.random.Generator(np.random.Philox(int(rng.fold(self._key, i))))
        image, regions = augment(self._face(draw), self._face(draw), draw)
        return torch.from_numpy(image), torch.from_numpy(regions)

    def _face(self, draw: np.random.Generator) -> Cut:
        source = int(np.searchsorted(self._edges, draw.uniform(0, self._edges[-1]), side="right"))
        return self._faces[int(draw.choice(self._rows[source]))]

"""Partly hidden copies of faces: made in batches of bounded size, each shown to the model once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from faceshards.cam.model import Model
from faceshards.cam.outputs import check_alike, outputs_of


@dataclass(frozen=True, eq=False)  # tensors do not compare to one bool
class Copies:
    """N partly hidden copies of the faces of a batch.

    Attributes:
        images: (B, C, H, W).
        stand_ins: (B, C, H, W), what the model sees of hidden pixels.
        face: (N,) int64, which face each copy shows.
        visible: places (n,) in 0..N-1 to the (n, H, W) bool pixels that those copies show.
        name: a place to words such as "without the nose", for errors.
    """

    images: Tensor
    stand_ins: Tensor
    face: Tensor
    visible: Callable[[Tensor], Tensor]
    name: Callable[[int], str]

    def outputs(self, model: Model, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Places (n,) of copies, and what the model gives for them, (n, ...), with n up to `batch_size`.

        Call this within `faceshards.cam.model.inference`; `outputs_of` names the errors.
        """
        first: Tensor | None = None
        for start in range(0, len(self.face), batch_size):
            part = torch.arange(start, min(start + batch_size, len(self.face)), device=self.images.device)
            of = self.face[part]
            shown = torch.where(self.visible(part)[:, None], self.images[of], self.stand_ins[of])
            found = outputs_of(model, shown)
            first = found if first is None else first
            check_alike(first, found)
            yield part, found

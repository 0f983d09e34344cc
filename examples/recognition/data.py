"""Batches of training faces from shards, in the four arms of the comparison."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

import faceshards
from examples.recognition.nets import to_input
from faceshards.errors import ParamsError

Erasing: TypeAlias = Literal["none", "rectangle", "precomputed", "on-the-fly"]

View: TypeAlias = Literal["original", "variants", "erase"]

_ERASED_VIEW: dict[Erasing, View] = {"precomputed": "variants", "on-the-fly": "erase"}
_TRIES = 10
_STEP = 0x9E3779B97F4A7C15  # of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014)


class TrainingFaces:
    """Faces of one or more splits, mirrored half of the time, erased with probability `p`.

    A face that is not erased comes as it is, so the two arms of FSErasing read two views side by side: the clean faces,
    and the same faces erased. What is drawn depends on seed and epoch alone.

    Args:
        shards: a store.
        splits: names; a batch has as many faces of each.
        erasing: the arm.
        p: probability that a face is erased, in every arm but ``"none"``.
        batch_size: faces a batch; the last ones of an epoch, which fill no batch, are left out.
        seed: of all draws.

    Raises:
        ParamsError: a split has fewer faces than its share of a batch.
    """

    def __init__(
        self, shards: Path, splits: Sequence[str], *, erasing: Erasing, p: float, batch_size: int, seed: int
    ) -> None:
        self.erasing, self.p, self.seed = erasing, p, seed
        each = -(-batch_size // len(splits))
        datasets = [faceshards.open(shards, split) for split in splits]
        for dataset in datasets:
            if len(dataset) < each:
                raise ParamsError(
                    f"{shards}: split {dataset.split} has {len(dataset)} faces, fewer than the {each} that a batch "
                    f"takes from it; take a smaller batch than {batch_size}"
                )
        views: list[View] = ["original"]
        if erasing in _ERASED_VIEW:
            views.append(_ERASED_VIEW[erasing])

        def loader(dataset: faceshards.Dataset, view: View) -> faceshards.Loader:
            fields = ["image", "identity"]
            return faceshards.Loader(dataset, each, fields=fields, view=view, shuffle=True, seed=seed, drop_last=True)

        self._loaders = {view: [loader(dataset, view) for dataset in datasets] for view in views}
        # Identities of one split are not always 0, 1, 2, ...; labels are.
        self._people = torch.from_numpy(np.unique(np.concatenate([d.identities for d in datasets])))

    @property
    def num_classes(self) -> int:
        """How many people."""
        return len(self._people)

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of (B, 3, 112, 112) float32 in [-1, 1] and (B,) int64 labels 0 .. `num_classes` - 1."""
        draws = torch.Generator().manual_seed(_mixed(self.seed + _mixed((number + 1) * _STEP)) >> 1)
        streams = [self._stream(view, number) for view in self._loaders]
        for clean, *erased in zip(*streams, strict=True):
            images = clean["image"]
            chosen = torch.rand(len(images), generator=draws) < self.p
            if erased:
                images = torch.where(chosen[:, None, None, None], erased[0]["image"], images)
            elif self.erasing == "rectangle":
                images = erase_rectangles(images, chosen, draws)
            mirrored = torch.rand(len(images), generator=draws) < 0.5
            images = torch.where(mirrored[:, None, None, None], images.flip(2), images)
            yield to_input(images), torch.searchsorted(self._people, clean["identity"])

    def _stream(self, view: View, epoch: int) -> Iterator[dict[str, Tensor]]:
        """Batches of all splits side by side; where one has no more, of the others."""
        for loader in self._loaders[view]:
            loader.set_epoch(epoch)
        for parts in zip_longest(*self._loaders[view]):
            yield _joined([part for part in parts if part is not None])


def erase_rectangles(images: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
    """Random erasing (Zhong et al., AAAI 2020): one rectangle of noise in each chosen image.

    Its area is 2 to 40 % of the image, its height over width 0.3 to 3.33, both uniform, as in the paper; it is drawn
    anew until it fits.

    Args:
        images: (B, H, W, 3) uint8.
        chosen: (B,) bool.
        generator: of the draws.

    Returns:
        (B, H, W, 3) uint8, other memory than `images`.
    """
    out = images.clone()
    height, width = images.shape[1:3]
    for i in torch.nonzero(chosen).flatten().tolist():
        for area, aspect, down, right in torch.rand(_TRIES, 4, generator=generator).tolist():
            pixels = (0.02 + area * 0.38) * height * width
            ratio = 0.3 + aspect * (1 / 0.3 - 0.3)
            h, w = round((pixels * ratio) ** 0.5), round((pixels / ratio) ** 0.5)
            if h < height and w < width:
                y, x = int(down * (height - h)), int(right * (width - w))
                out[i, y : y + h, x : x + w] = torch.randint(256, (h, w, 3), dtype=torch.uint8, generator=generator)
                break
    return out


def _joined(parts: list[dict[str, Any]]) -> dict[str, Tensor]:
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _mixed(word: int) -> int:
    """SplitMix64's output, of 64 bits: seeds and epochs that lie side by side get draws that have nothing in common."""
    word = word % 2**64
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    word = (word ^ word >> 27) * 0x94D049BB133111EB % 2**64
    return word ^ word >> 31

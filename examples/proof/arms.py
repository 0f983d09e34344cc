"""What is done to a training face: the arms, which differ in nothing else."""

import hashlib
import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

import faceshards
from examples.proof.settings import RandomFill, Settings
from examples.recognition.nets import to_input
from examples.recognition.verification.protocol import IntArray
from faceshards.transforms import FSErasing

Arm: TypeAlias = Literal["none", "rectangle", "precomputed", "on-the-fly", "part", "both"]

GREY = (127, 127, 127)
RECTANGLE_AREA = (0.02, 0.33)  # share of the image, and height over width: torchvision's RandomErasing
RECTANGLE_RATIO = (0.3, 3.3)
_TRIES = 10

Erase: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Faces (B, 3, 112, 112) uint8 and their samples (B,) to faces; the faces given may be written into."""


class HeldFaces:
    """Some faces of a store, in memory, for all trainings on them.

    Args:
        dataset: the store.
        samples: (N,) of it.
        labels: (N,) their people.
        device: where they are held.

    Attributes:
        images: (N, 3, 112, 112) uint8.
        regions: (N, 112, 112) uint8.
        labels: (N,) int64.
    """

    def __init__(
        self, dataset: faceshards.Dataset, samples: IntArray, labels: IntArray, device: torch.device | str = "cpu"
    ) -> None:
        held = dataset.take(samples, fields=["image", "region"], view="original")
        self.images = torch.from_numpy(held["image"]).movedim(-1, 1).to(device)
        self.regions = torch.from_numpy(held["region"]).to(device)
        self.labels = torch.from_numpy(labels).to(device)
        self._dataset, self._samples = dataset, samples

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the faces, their regions and people."""
        sha = hashlib.sha256()
        for tensor in (self.images, self.regions, self.labels):
            sha.update(tensor.cpu().numpy().tobytes())
        return sha.hexdigest()

    @cached_property
    def variants(self) -> Tensor:
        """(N, K, 3, 112, 112) uint8: the stored variants, read when first asked for."""
        held = self._dataset.take(self._samples, fields=["variant"], view="all_variants")
        return torch.from_numpy(held["variant"]).movedim(-1, 2).to(self.images.device)


class TrainingFaces:
    """Faces epoch by epoch, as an arm has them.

        faces = TrainingFaces(HeldFaces(dataset, half.train, half.labels), "on-the-fly", settings, seed=0)
        for images, labels in faces.epoch(0): ...

    Order and mirroring follow from seed and epoch alone, so they are the same in all arms. What is erased follows from
    seed, epoch and arm.

    Args:
        held: all faces.
        arm: what is done to them.
        settings: of the training: how many faces a batch, and how FSErasing erases.
        seed: of all draws.
        at_once: batches that are erased together; 1 suits a processor's cache, more suit a GPU. It changes the draws.
    """

    def __init__(self, held: HeldFaces, arm: Arm, settings: Settings, seed: int, at_once: int = 1) -> None:
        self.held, self.labels = held, held.labels
        self.arm, self.settings, self.seed, self.at_once = arm, settings, seed, at_once

    @property
    def batches(self) -> int:
        """How many an epoch has; the last faces, which fill none, are left out."""
        return len(self.labels) // self.settings.batch_size

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of (B, 3, 112, 112) float32 in [-1, 1] and (B,) int64 labels."""
        device = self.labels.device
        draws = np.random.default_rng([self.seed, number])
        order = torch.from_numpy(draws.permutation(len(self.labels))).to(device)
        mirrored = torch.from_numpy(draws.random(len(self.labels)) < 0.5).to(device)
        own = np.random.default_rng([self.seed, number, 1])
        generator = torch.Generator(device).manual_seed(int(own.integers(2**62)))
        erase = self._eraser(generator)
        size = self.settings.batch_size
        for start in range(0, self.batches * size, size * self.at_once):
            at = order[start : min(start + size * self.at_once, self.batches * size)]
            images, turned = erase(self.held.images[at], at), mirrored[at]
            images[turned] = images[turned].flip(3)
            for faces, of in zip(torch.split(images, size), torch.split(self.labels[at], size), strict=True):
                yield to_input(faces.movedim(1, -1)), of

    def _eraser(self, generator: torch.Generator) -> Erase:
        made_of = self.settings

        def semantic(n_regions: int | tuple[int, int], fill: RandomFill | tuple[int, int, int]) -> Erase:
            transform = FSErasing(made_of.p, n_regions, fill=fill, inplace=True, generator=generator)
            return lambda images, at: transform(images, self.held.regions[at])[0]

        def rectangle(images: Tensor, at: Tensor) -> Tensor:  # noqa: ARG001 (an Erase)
            return erase_rectangles(images, made_of.p, generator)

        def stored(images: Tensor, at: Tensor) -> Tensor:
            variants = self.held.variants
            chosen = torch.rand(len(at), generator=generator, device=at.device) < made_of.p
            which = torch.randint(variants.shape[1], (len(at),), generator=generator, device=at.device)
            images[chosen] = variants[at[chosen], which[chosen]]
            return images

        on_the_fly = semantic(made_of.n_regions, made_of.fill)
        erasers: dict[Arm, Erase] = {
            "none": lambda images, at: images,  # noqa: ARG005 (an Erase)
            "rectangle": rectangle,
            "precomputed": stored,
            "on-the-fly": on_the_fly,
            "part": semantic(1, GREY),
            "both": lambda images, at: rectangle(on_the_fly(images, at), at),
        }
        return erasers[self.arm]


def erase_rectangles(images: Tensor, p: float, generator: torch.Generator) -> Tensor:
    """One rectangle of noise in each face, with probability `p`, of the sizes that torchvision's RandomErasing draws.

    The area is uniform in `RECTANGLE_AREA`, the logarithm of height over width uniform in `RECTANGLE_RATIO`; a
    rectangle that does not fit is drawn anew, ten times at most. The noise is that of FSErasing, so that only the shape
    differs.

    Args:
        images: (B, C, H, W) uint8, written into.
        p: probability of each face.
        generator: of the draws, on the images' device.

    Returns:
        `images`.
    """
    many, _, height, width = images.shape
    device = images.device
    draws = torch.rand(many, _TRIES, 4, generator=generator, device=device)
    low, high = (math.log(bound) for bound in RECTANGLE_RATIO)
    area = (RECTANGLE_AREA[0] + draws[..., 0] * (RECTANGLE_AREA[1] - RECTANGLE_AREA[0])) * height * width
    ratio = (low + draws[..., 1] * (high - low)).exp()
    h, w = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    fits = (h < height) & (w < width)
    first = fits.int().argmax(1, keepdim=True)
    h, w, down, right = (x.gather(1, first) for x in (h, w, draws[..., 2], draws[..., 3]))
    top, left = (down * (height - h + 1)).floor(), (right * (width - w + 1)).floor()
    rows, columns = torch.arange(height, device=device), torch.arange(width, device=device)
    chosen = (torch.rand(many, generator=generator, device=device) < p) & fits.any(1)
    inside = (
        chosen[:, None, None]
        & ((rows >= top) & (rows < top + h))[:, :, None]
        & ((columns >= left) & (columns < left + w))[:, None, :]
    )
    # Eight bytes a draw: drawn one by one, they took a tenth of the training's time.
    drawn = torch.randint(-(2**63), 2**63 - 1, (images.numel() // 8 + 1,), generator=generator, device=device)
    noise = drawn.view(torch.uint8)[: images.numel()].view_as(images)
    return images.copy_(torch.where(inside[:, None], noise, images))

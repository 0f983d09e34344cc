"""What is done to a training face: the arms, which differ in nothing else."""

import math
from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

import faceshards
from examples.proof.settings import Settings
from examples.recognition.nets import to_input
from faceshards.records import Batch
from faceshards.transforms import FSErasing

Arm: TypeAlias = Literal["none", "rectangle", "precomputed", "on-the-fly", "part", "both"]

GREY = (127, 127, 127)
RECTANGLE_AREA = (0.02, 0.33)  # share of the image, and height over width: torchvision's RandomErasing
RECTANGLE_RATIO = (0.3, 3.3)
_TRIES = 10

Erase: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Faces (B, 3, 112, 112) uint8 and their samples (B,) to faces; the faces given may be written into."""


class TrainingFaces:
    """All faces of a half in memory, epoch by epoch as an arm has them.

        faces = TrainingFaces(dataset, half.train, half.labels, arm="on-the-fly", settings=settings, seed=0)
        for images, labels in faces.epoch(0): ...

    Order and mirroring follow from seed and epoch alone, so they are the same in all arms. What is erased follows from seed,
    epoch and arm.

    Args:
        dataset: the store.
        train: (N,) samples of it.
        labels: (N,) their people.
        arm: what is done to them.
        settings: of the training: how many faces a batch, and how FSErasing erases.
        seed: of all draws.
        device: where the faces are held and erased.
    """

    def __init__(
        self,
        dataset: faceshards.Dataset,
        train: np.ndarray,
        labels: np.ndarray,
        *,
        arm: Arm,
        settings: Settings,
        seed: int,
        device: torch.device | str = "cpu",
    ) -> None:
        held = _held(dataset, train, variants=arm == "precomputed")
        self.images = torch.from_numpy(held["image"]).movedim(-1, 1).to(device)
        self.regions = torch.from_numpy(held["region"]).to(device)
        self.variants = torch.from_numpy(held["variant"]).movedim(-1, 2).to(device) if "variant" in held else None
        self.labels = torch.from_numpy(labels).to(device)
        self.arm, self.settings, self.seed = arm, settings, seed

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
        generator = torch.Generator(device).manual_seed(int(np.random.default_rng([self.seed, number, 1]).integers(2**62)))
        erase = self._eraser(generator)
        size = self.settings.batch_size
        for start in range(0, self.batches * size, size):
            at, flip = order[start : start + size], mirrored[start : start + size]
            images = erase(self.images[at], at)
            images = torch.where(flip[:, None, None, None], images.flip(3), images)
            yield to_input(images.movedim(1, -1)), self.labels[at]

    def _eraser(self, generator: torch.Generator) -> Erase:
        made_of = self.settings

        def semantic(n_regions: int | tuple[int, int], fill: str | tuple[int, int, int]) -> Erase:
            transform = FSErasing(made_of.p, n_regions, fill=fill, inplace=True, generator=generator)
            return lambda images, at: transform(images, self.regions[at])[0]

        def rectangle(images: Tensor, at: Tensor) -> Tensor:  # noqa: ARG001 (an Erase)
            return erase_rectangles(images, made_of.p, generator)

        def stored(images: Tensor, at: Tensor) -> Tensor:
            assert self.variants is not None
            chosen = torch.rand(len(at), generator=generator, device=at.device) < made_of.p
            which = torch.randint(self.variants.shape[1], (len(at),), generator=generator, device=at.device)
            return torch.where(chosen[:, None, None, None], self.variants[at, which], images)

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

    The area is uniform in `RECTANGLE_AREA`, the logarithm of height over width uniform in `RECTANGLE_RATIO`; a rectangle that does
    not fit is drawn anew, ten times at most. The noise is that of FSErasing, so that only the shape differs.

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
    noise = torch.randint(256, images.shape, dtype=torch.uint8, generator=generator, device=device)
    return images.copy_(torch.where(inside[:, None], noise, images))


def _held(dataset: faceshards.Dataset, samples: np.ndarray, *, variants: bool) -> Batch:
    fields = ["image", "region", *(["variant"] if variants else [])]
    return dataset.take(samples, fields=fields, view="all_variants" if variants else "original")

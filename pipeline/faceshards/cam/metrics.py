"""Judging saliency maps: what a model loses when the pixels they call important go, and where their peaks lie."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceshards import rng
from faceshards.cam.model import Model, device_of, inference, masked_scores, resolve_targets
from faceshards.cam.targets import Targets
from faceshards.ops.stand_in import StandIn, stand_in
from faceshards.records import Float32Array, UInt8Array
from faceshards.regions import N_REGIONS


@dataclass(frozen=True, slots=True, eq=False)  # arrays do not compare to one bool
class Curves:
    """How a target's score changes as pixels go or come, the most salient first.

    Attributes:
        share: (S,) float64 share of pixels changed, from 0 to 1.
        scores: (B, S) float32.
    """

    share: NDArray[np.float64]
    scores: Float32Array

    @property
    def area(self) -> NDArray[np.float64]:
        """Area under each curve, (B,): small is good for deletion, large for insertion."""
        return np.asarray(np.trapezoid(self.scores, self.share, axis=1), np.float64)


def perturbation_curves(
    model: Model,
    images: Tensor,
    saliency: NDArray[Any],
    targets: Targets | None = None,
    *,
    mode: Literal["deletion", "insertion"] = "deletion",
    baseline: StandIn | None = None,
    steps: int = 32,
    batch_size: int = 64,
) -> Curves:
    """Deletion and insertion curves (Petsiuk et al., RISE, BMVC 2018) of a batch.

    Args:
        model: see `faceshards.cam.model.Model`.
        images: (B, C, H, W).
        saliency: (B, H, W). Pixels of equal saliency go in a fixed scattered order.
        targets: see `faceshards.cam.targets.Targets`; None is the class that the model predicts.
        mode: ``"deletion"`` hides the most salient pixels first, ``"insertion"`` shows them first.
        baseline: hidden pixels; None as in RISE: 0 for deletion, ``"blur"`` for insertion.
        steps: parts in which the pixels go.
        batch_size: most images that the model sees at once.

    Raises:
        TargetError: `targets` do not fit the faces or the model.
        ValueError: maps of another size than the images.
    """
    if saliency.shape != (len(images), *images.shape[2:]):
        raise ValueError(f"expected a map for each of the images {tuple(images.shape)}, found {saliency.shape}")
    images = images.to(device_of(model, images))
    rank = torch.from_numpy(_ranks(saliency)).to(images.device)
    faces, pixels = len(images), rank[0].numel()
    changed = torch.linspace(0, pixels, steps + 1, dtype=torch.float64).round().long().to(images.device)
    face = torch.arange(faces, device=images.device).repeat_interleave(steps + 1)
    deleting = mode == "deletion"

    def visible(part: Tensor) -> Tensor:
        return (rank[face[part]] >= changed[part % (steps + 1), None, None]) == deleting

    hidden = baseline if baseline is not None else 0.0 if deleting else "blur"
    with inference(model):
        each = resolve_targets(model, images, targets, batch_size)
        stand_ins = stand_in(images, hidden).expand_as(images)
        scores = masked_scores(model, images, stand_ins, each, face, visible, batch_size)
    return Curves(changed.cpu().numpy() / pixels, scores.view(faces, steps + 1).cpu().numpy())


def pointing_game(saliency: NDArray[Any], regions: UInt8Array) -> Float32Array:
    """Where the peak of each map lies (Zhang et al., ECCV 2016), by region.

    Args:
        saliency: (B, H, W).
        regions: (B, H, W) uint8 region ids.

    Returns:
        (B, 25) float32: the share of a map's highest pixels that lie in each region. A map with one peak points at one
        region, with 1; a flat one points nowhere in particular.
    """
    if saliency.shape != regions.shape:
        raise ValueError(f"expected maps and regions of one shape, found {saliency.shape} and {regions.shape}")
    peak = saliency == saliency.max(axis=(1, 2), keepdims=True)
    face, _, _ = np.nonzero(peak)
    counts = np.zeros((len(saliency), 256), np.float32)
    np.add.at(counts, (face, regions[peak]), 1)
    share: Float32Array = counts[:, :N_REGIONS] / counts.sum(axis=1, keepdims=True)
    return share


def _ranks(saliency: NDArray[Any]) -> NDArray[np.int64]:
    """Rank of each pixel by falling saliency, 0 first: (B, H, W) int64."""
    flat = saliency.reshape(len(saliency), -1)
    scatter = np.broadcast_to(rng.words(0, flat.shape[1]), flat.shape)
    order = np.lexsort((scatter, -flat), axis=1)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(flat.shape[1]), flat.shape), axis=1)
    return ranks.reshape(saliency.shape)

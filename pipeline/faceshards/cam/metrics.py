"""Judging saliency maps: what a model loses when the pixels they call important go, and where their peaks lie."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceshards import rng
from faceshards.cam.copies import Copies
from faceshards.cam.given import as_array, checked_images, stand_ins
from faceshards.cam.model import Model, device_of, inference
from faceshards.cam.predicted import Outputs, check_outputs
from faceshards.cam.scoring import resolve_targets, target_scores
from faceshards.cam.targets import Targets
from faceshards.checks import whole_number
from faceshards.errors import NotFiniteError, ParamsError
from faceshards.maps import known_ids
from faceshards.ops.stand_in import StandIn
from faceshards.records import Float32Array, UInt8Array
from faceshards.regions import N_REGIONS

CurveMode: TypeAlias = Literal["deletion", "insertion"]


@dataclass(frozen=True, slots=True, eq=False)  # arrays do not compare to one bool
class Curves:
    """How a target's score changes as pixels go or come, the most salient first.

        curves = perturbation_curves(model, images, maps, 3, mode="insertion")
        better = curves.area > perturbation_curves(model, images, others, 3, mode="insertion").area  # (B,)

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
    mode: CurveMode = "deletion",
    baseline: StandIn | None = None,
    steps: int = 32,
    batch_size: int = 64,
    outputs: Outputs | None = None,
) -> Curves:
    """Deletion and insertion curves (Petsiuk et al., RISE, BMVC 2018) of a batch.

        area = perturbation_curves(model, images, cam(images, regions=regions)).area  # (B,), small is good

    Args:
        model: see `faceshards.cam.model.Model`.
        images: (B, C, H, W).
        saliency: (B, H, W) finite numbers of any dtype, or bool. Pixels of equal saliency go in a fixed
            scattered order.
        targets: see `faceshards.cam.targets.Targets`; None is the class that the model predicts.
        mode: ``"deletion"`` hides the most salient pixels first, ``"insertion"`` shows them first.
        baseline: hidden pixels; None as in RISE: 0 for deletion, ``"blur"`` for insertion.
        steps: parts in which the pixels go, from 1.
        batch_size: most images that the model sees at once, from 1.
        outputs: what the model gives, as for `faceshards.cam.FSCAM`.

    Raises:
        TargetError: `targets` do not fit the faces or the model.
        ModelError: as for `faceshards.cam.FSCAM`; a NotFiniteError names the face and how much of it was hidden.
        ParamsError: maps of another size than the images, or another argument that is none of these.
    """
    if mode not in get_args(CurveMode):
        raise ParamsError(f'mode is "deletion" or "insertion", not {mode!r}')
    check_outputs(outputs)
    steps, batch_size = whole_number("steps", steps, 1), whole_number("batch_size", batch_size, 1)
    saliency = _checked(saliency)
    if saliency.shape != (len(checked_images(images, "images")), *images.shape[2:]):
        raise ParamsError(
            f"saliency: expected a map for each of the images {tuple(images.shape)}, found {saliency.shape}"
        )
    images = images.to(device_of(model, images))
    rank = torch.from_numpy(_ranks(saliency)).to(images.device)
    faces, pixels = len(images), rank[0].numel()
    changed = torch.linspace(0, pixels, steps + 1, dtype=torch.float64).round().long().to(images.device)
    face = torch.arange(faces, device=images.device).repeat_interleave(steps + 1)
    deleting = mode == "deletion"

    def visible(part: Tensor) -> Tensor:
        return (rank[face[part]] >= changed[part % (steps + 1), None, None]) == deleting

    def name(place: int) -> str:
        done = int(changed[place % (steps + 1)])
        return f"with {done} of {pixels} pixels {'hidden' if deleting else 'shown'}"

    hidden = baseline if baseline is not None else 0.0 if deleting else "blur"
    with inference(model):
        each = resolve_targets(model, images, targets, outputs, batch_size)
        copies = Copies(images, stand_ins(images, hidden), face, visible, name)
        scores = target_scores(model, copies, each, outputs, batch_size)
    beyond = scores.float().isinf()
    if beyond.any():
        place = int(beyond.int().argmax())
        raise NotFiniteError(
            int(face[place]), f"{name(place)}, its score is {float(scores[place]):.4g}, beyond what float32 holds"
        )
    return Curves(changed.cpu().numpy() / pixels, scores.float().view(faces, steps + 1).cpu().numpy())


def pointing_game(saliency: NDArray[Any], regions: UInt8Array) -> Float32Array:
    """Where the peak of each map lies (Zhang et al., ECCV 2016), by region.

        on_nose = pointing_game(maps, regions)[:, faceshards.Region.NOSE]

    Args:
        saliency: (B, H, W).
        regions: (B, H, W) region ids, 0-24 or 255.

    Returns:
        (B, 25) float32: the share of a map's highest pixels that lie in each region. A map with one peak points at one
        region, with 1; a flat one points nowhere in particular.

    Raises:
        ParamsError: other shapes, or maps with NaN or infinity.
        FaceError: ids of no region.
    """
    saliency, regions = _checked(saliency), known_ids(as_array(regions, "regions"))
    if saliency.ndim != 3 or not saliency.size or saliency.shape != regions.shape:
        raise ParamsError(
            f"saliency, regions: expected both of one shape (B, H, W), found {saliency.shape} and {regions.shape}"
        )
    peak = saliency == saliency.max(axis=(1, 2), keepdims=True)
    face, _, _ = np.nonzero(peak)
    counts = np.zeros((len(saliency), 256), np.float32)
    np.add.at(counts, (face, regions[peak]), 1)
    share: Float32Array = counts[:, :N_REGIONS] / counts.sum(axis=1, keepdims=True)
    return share


def _checked(saliency: Any) -> NDArray[np.float64]:
    """Maps as float64: the negative of an unsigned number, which an order by falling saliency takes, is none."""
    given = as_array(saliency, "saliency")
    if not np.isfinite(given).all():
        raise ParamsError("saliency: expected maps of finite numbers, found others; a peak or an order has no meaning")
    return given.astype(np.float64)


def _ranks(saliency: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rank of each pixel by falling saliency, 0 first: (B, H, W) int64."""
    flat = saliency.reshape(len(saliency), -1)
    scatter = np.broadcast_to(rng.words(0, flat.shape[1]), flat.shape)
    order = np.lexsort((scatter, -flat), axis=1)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(flat.shape[1]), flat.shape), axis=1)
    return ranks.reshape(saliency.shape)

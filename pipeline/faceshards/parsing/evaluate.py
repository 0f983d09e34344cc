"""How well region maps agree with the truth, over the 25 regions or FaceSynthetics' 19 classes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceshards.ops.labels import merge_to_coarse
from faceshards.records import UInt8Array
from faceshards.regions import IGNORE, N_REGIONS, CoarseRegion

Counts = NDArray[np.int64]


def confusion(predicted: UInt8Array, truth: UInt8Array, classes: int = N_REGIONS) -> Counts:
    """Count pixels by class: ``out[t, p]`` pixels of class t were taken for class p.

    Args:
        predicted: any shape, uint8, below `classes`.
        truth: the same shape; pixels of 255 are not counted.
        classes: how many there are.

    Returns:
        (classes, classes) int64; add those of batches up.

    Raises:
        ValueError: shapes differ, or an id is out of range.
    """
    if predicted.shape != truth.shape:
        raise ValueError(f"predicted and truth must have one shape, found {predicted.shape} and {truth.shape}")
    valid = truth != IGNORE
    t, p = truth[valid].astype(np.int64), predicted[valid].astype(np.int64)
    if t.size and max(t.max(), p.max()) >= classes:
        raise ValueError(f"expected class ids below {classes} (255 = ignore in truth), found {max(t.max(), p.max())}")
    return np.bincount(t * classes + p, minlength=classes**2).reshape(classes, classes)


def coarse_confusion(counts: Counts) -> Counts:
    """A (25, 25) confusion over regions as a (19, 19) one over FaceSynthetics' classes.

    Beard counts as skin and facewear as nothing, since no region stands for either.
    """
    merge = np.zeros((len(CoarseRegion), N_REGIONS), np.int64)
    merge[merge_to_coarse(np.arange(N_REGIONS, dtype=np.uint8)), range(N_REGIONS)] = 1
    return merge @ counts @ merge.T


@dataclass(frozen=True)
class Scores:
    """Agreement summed over all pixels that were counted.

    Attributes:
        iou: one a class, 0 to 1; NaN for a class that occurs neither in truth nor in prediction.
        miou: mean of `iou` over the classes that occur in the truth.
        pixel_accuracy: share of the pixels whose class is right.
    """

    iou: tuple[float, ...]
    miou: float
    pixel_accuracy: float


def scores(counts: Counts) -> Scores:
    """IoU, its mean over the classes present in the truth, and pixel accuracy; NaN where nothing was counted."""
    hit, truth = np.diag(counts), counts.sum(axis=1)
    union = truth + counts.sum(axis=0) - hit
    iou = np.divide(hit, union, out=np.full(len(hit), np.nan), where=union > 0)
    present = truth > 0
    return Scores(
        iou=tuple(iou.tolist()),
        miou=float(iou[present].mean()) if present.any() else float("nan"),
        pixel_accuracy=float(hit.sum() / counts.sum()) if present.any() else float("nan"),
    )

"""Landmarks of an aligned face out of the masks of its parts, for a labelling that comes without landmarks.

Where the parts lie and the landmarks are taken as jointly Gaussian (Cootes' point distribution model, with the masks'
extents as further coordinates): the estimate is the conditional mean, and a part that is hidden is a coordinate that
was not observed. Moments in ``aligned_landmarks.json``, fitted by ``benchmarks/fit_aligned_landmarks.py``, which says
how, and how far off the estimate is.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from faceshards.errors import BadSampleError
from faceshards.ops.align import ALIGNED_SIZE
from faceshards.ops.mesh import N_LANDMARKS
from faceshards.records import Float32Array, Float64Array, UInt8Array
from faceshards.regions import CoarseRegion

_PARTS: tuple[tuple[CoarseRegion, ...], ...] = (
    (CoarseRegion.RIGHT_EYE,),
    (CoarseRegion.LEFT_EYE,),
    (CoarseRegion.RIGHT_BROW,),
    (CoarseRegion.LEFT_BROW,),
    (CoarseRegion.NOSE,),
    (CoarseRegion.MOUTH_INTERIOR, CoarseRegion.TOP_LIP, CoarseRegion.BOTTOM_LIP),
    (CoarseRegion.TOP_LIP,),
    (CoarseRegion.BOTTOM_LIP,),
)
_FACE = (CoarseRegion.SKIN, CoarseRegion.BEARD, CoarseRegion.GLASSES, *dict.fromkeys(sum(_PARTS, ())))
_QUANTILES = (0.05, 0.5, 0.95)
_LEAST_PX = 6
"""A part of fewer pixels counts as hidden."""

N_FEATURES = 8 * len(_PARTS) + 6


@dataclass(frozen=True, slots=True)
class PointModel:
    """Moments of mask features f and landmarks p over aligned faces.

    Attributes:
        feature_mean: (F,).
        point_mean: (140,).
        feature_covariance: (F, F), positive semidefinite.
        cross_covariance: (F, 140).
        noise: variance of a feature beyond `feature_covariance`, pixels squared.
    """

    feature_mean: Float64Array
    point_mean: Float64Array
    feature_covariance: Float64Array
    cross_covariance: Float64Array
    noise: float

    def __call__(self, features: Float64Array) -> Float64Array:
        """Conditional mean of the landmarks (70, 2), given the features (F,) that are not NaN."""
        seen = np.isfinite(features)
        covariance = self.feature_covariance[np.ix_(seen, seen)] + self.noise * np.eye(int(seen.sum()))
        weights = np.linalg.solve(covariance, features[seen] - self.feature_mean[seen])
        return (self.point_mean + weights @ self.cross_covariance[seen]).reshape(N_LANDMARKS, 2)


def estimate_landmarks(coarse: UInt8Array) -> Float32Array:
    """Where the landmarks of an aligned face must be for its parts to lie where they do.

    Args:
        coarse: (112, 112) uint8, `CoarseRegion` ids on the ArcFace template; other values are no part.

    Returns:
        (70, 2) float32, finite: iBUG 68, right pupil, left pupil; pixels, also outside of the picture. A map without
        any part gives the mean face.

    Raises:
        BadSampleError: another shape or dtype.
    """
    if coarse.shape != (ALIGNED_SIZE, ALIGNED_SIZE) or coarse.dtype != np.uint8:
        raise BadSampleError(
            "bad_labels",
            f"expected ({ALIGNED_SIZE}, {ALIGNED_SIZE}) uint8 labels of an aligned face, "
            f"found {coarse.shape} {coarse.dtype}",
        )
    return point_model()(mask_features(coarse)).astype(np.float32)


def mask_features(coarse: UInt8Array) -> Float64Array:
    """Centre and extents of each part, and extents of the face: (N_FEATURES,) pixels, NaN for what is hidden."""
    of_parts = [_extents(np.isin(coarse, part), centre=True) for part in _PARTS]
    return np.concatenate([*of_parts, _extents(np.isin(coarse, _FACE), centre=False)])


def _extents(mask: NDArray[np.bool_], *, centre: bool) -> Float64Array:
    """Quantiles of x, then of y, and before them the mean x and y where asked for."""
    sums = [mask.sum(axis=axis) for axis in (0, 1)]
    area = int(sums[0].sum())
    if area < _LEAST_PX:
        return np.full(2 * len(_QUANTILES) + 2 * centre, np.nan)
    means = [float(s @ np.arange(len(s))) / area for s in sums] if centre else []
    quantiles = [np.searchsorted(s.cumsum(), np.array(_QUANTILES) * area) for s in sums]
    return np.concatenate([means, *quantiles]).astype(np.float64)


@cache
def point_model() -> PointModel:
    """The fitted model that ships with the package."""
    table = json.loads(resources.files("faceshards.ops").joinpath("aligned_landmarks.json").read_text("utf-8"))
    upper = np.triu_indices(N_FEATURES)
    covariance = np.zeros((N_FEATURES, N_FEATURES))
    covariance[upper] = covariance.T[upper] = table["feature_covariance"]
    return PointModel(
        np.array(table["feature_mean"], np.float64),
        np.array(table["point_mean"], np.float64),
        covariance,
        np.array(table["cross_covariance"], np.float64),
        float(table["noise"]),
    )

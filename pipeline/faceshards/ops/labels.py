"""From ground-truth classes and landmarks to the 25 regions, and back to the coarse classes."""

from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from faceshards.errors import BadSampleError, ParamsError
from faceshards.ops.mesh import N_LANDMARKS, N_MESH_POINTS, cutting_points
from faceshards.ops.skin import fill, split_skin, unit
from faceshards.records import Float32Array, Float64Array, UInt8Array
from faceshards.regions import IGNORE, MIRROR, CoarseRegion, Region

_UNKNOWN = 254

_SAME_PART: dict[int, int] = {
    CoarseRegion.BACKGROUND: Region.BACKGROUND,
    CoarseRegion.NOSE: Region.NOSE,
    CoarseRegion.RIGHT_EYE: Region.RIGHT_EYE,
    CoarseRegion.LEFT_EYE: Region.LEFT_EYE,
    CoarseRegion.RIGHT_BROW: Region.RIGHT_BROW,
    CoarseRegion.LEFT_BROW: Region.LEFT_BROW,
    CoarseRegion.RIGHT_EAR: Region.RIGHT_EAR,
    CoarseRegion.LEFT_EAR: Region.LEFT_EAR,
    CoarseRegion.MOUTH_INTERIOR: Region.MOUTH,
    CoarseRegion.TOP_LIP: Region.UPPER_LIP,
    CoarseRegion.BOTTOM_LIP: Region.LOWER_LIP,
    CoarseRegion.NECK: Region.NECK,
    CoarseRegion.HAIR: Region.HAIR,
    CoarseRegion.CLOTHING: Region.CLOTHING,
    CoarseRegion.GLASSES: Region.GLASSES,
    CoarseRegion.HEADWEAR: Region.HEADWEAR,
}
_SKIN_REGIONS = range(Region.RIGHT_CHEEK, Region.AROUND_LEFT_EYE + 1)


def _table(entries: dict[int, int], otherwise: int) -> UInt8Array:
    table = np.full(256, otherwise, np.uint8)
    table[list(entries)] = list(entries.values())
    return table


# Skin and beard are 0 here only until the geometry has its say.
_REGION_OF_COARSE = _table(
    {**_SAME_PART, CoarseRegion.SKIN: 0, CoarseRegion.BEARD: 0, CoarseRegion.FACEWEAR: IGNORE, IGNORE: IGNORE},
    _UNKNOWN,
)
_COARSE_OF_REGION = _table(
    {**{region: coarse for coarse, region in _SAME_PART.items()}, **dict.fromkeys(_SKIN_REGIONS, CoarseRegion.SKIN)},
    IGNORE,
)
_MIRRORED = _table(dict(enumerate(MIRROR)), IGNORE)


class _Jaw(NamedTuple):
    """Which points of a face lie on its jaw, from side to side, and where skin gives way to neck below them.

    Attributes:
        line: numbers of the points.
        bridge, chin: of the nose and the chin; from one to the other is down.
        depth: in RMS radii of the face's points.
    """

    line: tuple[int, ...]
    bridge: int
    chin: int
    depth: float


# At these depths the sample frames of FaceSynthetics have as much neck as skin.
_JAW_OF_LANDMARKS = _Jaw(tuple(range(3, 14)), bridge=27, chin=8, depth=0.22)
_JAW_OF_MESH = _Jaw(
    (58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288), bridge=168, chin=152, depth=0.18
)

_IGNORE_REACH_PX = 3.0


def detailed_regions(
    coarse: UInt8Array,
    landmarks: Float32Array | None,
    mesh: Float64Array | None = None,
    scheme: Literal["facesynthetics"] = "facesynthetics",
) -> UInt8Array:
    """Cut the skin of a labelled face into its nine regions and carry every other class over.

    Skin and beard become classes 1-9, a beard on the neck becomes NECK; an ignored pixel takes the region of the
    nearest pixel that has a class, within 3 pixels; facewear is ignored.

    Args:
        coarse: (H, W) uint8, `CoarseRegion` ids, 255 = ignore.
        landmarks: (70, 2) float32: iBUG 68, right pupil, left pupil; pixels, also outside of the picture. None needs a
            mesh.
        mesh: (468, 2) float64, the face's `faceshards.facemesh` points, pixels. It cuts the skin, unless the landmarks
            show that it lies wrong. None cuts by mesh points that the landmarks give.
        scheme: what the ids of `coarse` mean.

    Returns:
        (H, W) uint8, `Region` ids, 255 = ignore.

    Raises:
        BadSampleError: a wrong shape or dtype, an unknown class, a point that is not finite, or neither landmarks nor
            a mesh.
        ParamsError: an unknown scheme.
    """
    if scheme != "facesynthetics":
        raise ParamsError(f"unknown label scheme {scheme!r}; expected 'facesynthetics'")
    _check(coarse, landmarks, mesh)
    regions: UInt8Array = _REGION_OF_COARSE[coarse]
    if (regions == _UNKNOWN).any():
        unknown = sorted(set(np.unique(coarse[regions == _UNKNOWN]).tolist()))
        raise BadSampleError("unknown_class", f"labels hold {unknown}; expected 0-{max(CoarseRegion)} or {IGNORE}")
    beard = coarse == CoarseRegion.BEARD
    skin = (coarse == CoarseRegion.SKIN) | beard
    np.copyto(regions, split_skin(cutting_points(landmarks, mesh), coarse.shape), where=skin)
    if beard.any():
        regions[beard & _below_chin(*_jaw(landmarks, mesh), coarse.shape)] = Region.NECK
    _fill_ignored(regions, coarse == IGNORE)
    return regions


def merge_to_coarse(regions: UInt8Array) -> UInt8Array:
    """The `CoarseRegion` ids of a region map, any shape: the nine skin regions are SKIN, 255 stays.

    Not quite the inverse of `detailed_regions`: beard comes back as skin or neck.
    """
    coarse: UInt8Array = _COARSE_OF_REGION[regions]
    return coarse


def mirror_regions(regions: UInt8Array) -> UInt8Array:
    """Flip region maps (..., W) left to right and swap the classes of the two sides."""
    mirrored: UInt8Array = _MIRRORED[regions[..., ::-1]]
    return mirrored


def _check(coarse: UInt8Array, landmarks: Float32Array | None, mesh: Float64Array | None) -> None:
    if coarse.ndim != 2 or coarse.dtype != np.uint8 or 0 in coarse.shape:
        raise BadSampleError("bad_labels", f"expected (H, W) uint8 labels, found {coarse.shape} {coarse.dtype}")
    if landmarks is None and mesh is None:
        raise BadSampleError("no_landmarks", "expected 70 landmarks or a mesh of the face; found neither")
    for points, n, what in ((landmarks, N_LANDMARKS, "landmarks"), (mesh, N_MESH_POINTS, "mesh points")):
        if points is None:
            continue
        if points.shape != (n, 2):
            raise BadSampleError("bad_landmarks", f"expected ({n}, 2) {what}, found {points.shape}")
        if not np.isfinite(points).all():
            raise BadSampleError("degenerate_landmarks", f"at least one of the {what} is not a finite number")


def _jaw(landmarks: Float32Array | None, mesh: Float64Array | None) -> tuple[Float64Array, _Jaw]:
    if landmarks is not None:
        return landmarks.astype(np.float64), _JAW_OF_LANDMARKS
    assert mesh is not None  # checked
    return mesh, _JAW_OF_MESH


def _below_chin(points: Float64Array, jaw: _Jaw, shape: tuple[int, int]) -> NDArray[np.bool_]:
    down = unit(points[jaw.chin] - points[jaw.bridge], np.array([0.0, 1.0]))
    radius = float(np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean()))
    line = points[list(jaw.line)] + jaw.depth * radius * down
    far = 4.0 * sum(shape) * down
    below = np.zeros(shape, np.uint8)
    fill(below, [*line, line[-1] + far, line[0] + far], 1)
    return below.astype(bool)


def _fill_ignored(regions: UInt8Array, ignored: NDArray[np.bool_]) -> None:
    if not ignored.any() or ignored.all():
        return
    distance, nearest = cv2.distanceTransformWithLabels(
        ignored.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_label = np.zeros(int(nearest.max()) + 1, np.uint8)
    of_label[nearest[~ignored]] = regions[~ignored]
    close = ignored & (distance <= _IGNORE_REACH_PX)
    regions[close] = of_label[nearest[close]]

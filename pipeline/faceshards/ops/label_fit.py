"""How well a face's mesh lies on its labels, for labels that come without 70 landmarks to judge a mesh by."""

import numpy as np

from faceshards.records import Float64Array, UInt8Array
from faceshards.regions import CoarseRegion

FITS = 0.35
"""The greatest distance of a mesh from its face's labels, in radii of the mesh.

Of 425 photographs of CelebAMask-HQ the median is 0.045 and the greatest 0.222. On 71 upside down, the meshes that one
look gives lie at 0.96 or more."""

FITS_WELL = 0.15
"""99 of 100 of those photographs lie nearer. On sideways faces one look gives 0.12 in the median, the search in turns
0.05."""

# Both sides of the pairs, so that a mesh that is upside down does not fit. The coarse classes name sides as seen.
_PARTS: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((CoarseRegion.LEFT_EYE,), (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)),
    ((CoarseRegion.RIGHT_EYE,), (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)),
    ((CoarseRegion.NOSE,), (4, 5, 195)),
    ((CoarseRegion.TOP_LIP, CoarseRegion.BOTTOM_LIP, CoarseRegion.MOUTH_INTERIOR), (61, 291, 0, 17)),
)


def label_distance(mesh: Float64Array, coarse: UInt8Array) -> float:
    """How far a mesh lies from the eyes, the nose and the mouth of the labels: the median of those that are there.

    Args:
        mesh: (468, 2), pixels.
        coarse: (H, W) uint8, `CoarseRegion` ids.

    Returns:
        In RMS radii of the mesh; infinite where the labels have none of the parts.

    Example:
        >>> label_distance(mesh, coarse) <= FITS
        True
    """
    radius = float(np.sqrt(((mesh - mesh.mean(axis=0)) ** 2).sum(axis=1).mean()))
    found = []
    for classes, points in _PARTS:
        rows, columns = np.nonzero(np.isin(coarse, classes))
        if len(rows):
            # From MediaPipe's points to pixels whose origin is a pixel's corner.
            off = mesh[list(points)].mean(axis=0) - (columns.mean() + 0.5, rows.mean() + 0.5)
            found.append(float(np.hypot(*off)) / radius if radius > 0 else float("inf"))
    return float(np.median(found)) if found else float("inf")

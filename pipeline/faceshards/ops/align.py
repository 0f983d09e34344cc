"""Face alignment: five points onto the ArcFace 112x112 template, as pure functions on arrays.

Coordinates are pixels with the origin at the centre of the top left pixel, x to the right and y downward.
"""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceshards.errors import BadSampleError
from faceshards.ops.sampling import places, sampled
from faceshards.records import UInt8Array
from faceshards.regions import IGNORE

ALIGNED_SIZE = 112

TEMPLATE: NDArray[np.float64] = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Where right eye, left eye, nose tip, right and left mouth corner land (ArcFace, Deng et al., CVPR 2019)."""

POINT_ORDER = "right eye, left eye, nose tip, right and left mouth corner, the person's right"

_FIVE_OF_70 = (68, 69, 30, 48, 54)
_MIN_SPREAD_PX = 1.0
_MIN_COVERED = 0.5
_MAX_RESIDUAL = 0.5
"""Of 71 FaceSynthetics frames, near-profiles among them, the five points in the right order leave at most 0.497 of the
template unexplained, and 0.053 in the median."""
_MIRRORED = -0.05
"""The lines of eyes and mouth of those frames turn to the way from eyes to mouth by -0.003 or more, where two square
lines of one length have 2; exchanged on both, all but the frame of -0.003 (a full profile) have -0.55 or less."""


def five_points(landmarks: ArrayLike) -> NDArray[np.float64]:
    """The five alignment points of a face.

    Args:
        landmarks: (70, 2), iBUG 68 with right and left pupil as rows 68 and 69; or (5, 2), taken as they are.

    Returns:
        (5, 2) float64: right eye, left eye, nose tip, right and left mouth corner.

    Raises:
        BadSampleError: another number of points, or one that is not finite.
    """
    points = np.asarray(landmarks, np.float64)
    if points.shape == (70, 2):
        points = points[list(_FIVE_OF_70)]
    if points.shape != (5, 2):
        raise BadSampleError("bad_landmarks", f"expected 70 or 5 points of (x, y), found an array of {points.shape}")
    if not np.isfinite(points).all():
        raise BadSampleError("bad_landmarks", "a landmark is not a finite number")
    return points


def order_fault(points: ArrayLike) -> str | None:
    """What is wrong with the order of five points, told by their geometry alone, whichever way the face is turned.

    From the right to the left eye, and from the right to the left mouth corner, is nearly one direction in any view of
    a face, and the mouth lies to the same side of both. So exchanged eyes, exchanged mouth corners and both at once are
    told apart from a face. A full profile can hide that both are exchanged.

    Args:
        points: (5, 2), as from `five_points`.

    Returns:
        What is exchanged, for a sentence: ``"the eyes"``, ``"the mouth corners"`` or ``"right and left"``; None where
        the order is possible.

    Example:
        >>> order_fault(TEMPLATE), order_fault(TEMPLATE[[1, 0, 2, 3, 4]])
        (None, 'the eyes')
    """
    xy = five_points(points)
    eyes, mouth = xy[1] - xy[0], xy[4] - xy[3]
    down = (xy[3] + xy[4] - xy[0] - xy[1]) / 2
    if eyes @ mouth < 0:
        return "the eyes" if _turn(eyes, down) < _turn(mouth, down) else "the mouth corners"
    return "right and left" if _turn(eyes + mouth, down) < _MIRRORED * float(down @ down) else None


def _turn(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """The cross product of two vectors; positive where the second lies clockwise of the first, as a picture is seen."""
    return float(one[0] * other[1] - one[1] * other[0])


def similarity(points: ArrayLike, *, ordered: bool = False) -> NDArray[np.float64]:
    """The least-squares similarity (rotation, uniform scale, shift; never a reflection) onto `TEMPLATE`.

    A point is taken as a complex number, on which a similarity is ``a z + b``: closed form, no iteration.

    Args:
        points: (5, 2), as from `five_points`.
        ordered: the order is right by itself, as that of a detector's points. In a full profile a pixel more or less
            looks like exchanged eyes.

    Returns:
        (2, 3) float64: ``template_xy = M @ (x, y, 1)``.

    Raises:
        BadSampleError: ``"degenerate_landmarks"``: the points lie within a pixel of each other, or so that no face
            fits them. ``"landmark_order"``: two of them are exchanged, see `order_fault`.
    """
    xy = five_points(points)
    source, target = xy[:, 0] + 1j * xy[:, 1], TEMPLATE[:, 0] + 1j * TEMPLATE[:, 1]
    from_centre, to_centre = source - source.mean(), target - target.mean()
    spread = float((np.abs(from_centre) ** 2).sum())
    if spread < _MIN_SPREAD_PX**2:
        raise BadSampleError(
            "degenerate_landmarks",
            "the five points lie within one pixel of each other; expected pixels of the image, not shares of its size",
        )
    exchanged = None if ordered else order_fault(xy)
    if exchanged is not None:
        raise BadSampleError(
            "landmark_order", f"{exchanged} are exchanged; expected {POINT_ORDER}; put the points into this order"
        )
    a = complex((np.conj(from_centre) * to_centre).sum() / spread)
    residual = float((np.abs(to_centre - a * from_centre) ** 2).sum() / (np.abs(to_centre) ** 2).sum())
    if residual > _MAX_RESIDUAL:
        raise BadSampleError(
            "degenerate_landmarks",
            f"the five points fit no face ({residual:.0%} of the template is left unexplained)"
            + ("" if ordered else f"; expected {POINT_ORDER}"),
        )
    b = complex(target.mean() - a * source.mean())
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def covered_share(matrix: NDArray[np.float64], height: int, width: int) -> float:
    """How much of the aligned square lies inside a (height, width) source image: 0 to 1."""
    x, y = (np.rint(place) for place in places(_inverse(matrix), ALIGNED_SIZE))
    return float(((x >= 0) & (x < width) & (y >= 0) & (y < height)).mean())


def warp_image(image: UInt8Array, matrix: NDArray[np.float64]) -> UInt8Array:
    """Align an image, by `warp_area`.

    Args:
        image: (H, W, 3) uint8.
        matrix: (2, 3), from `similarity`.

    Returns:
        (112, 112, 3) uint8; what lies outside the source is black.

    Raises:
        BadSampleError: less than half of the aligned square lies inside the source.
    """
    share = covered_share(matrix, *image.shape[:2])
    if share < _MIN_COVERED:
        raise BadSampleError("face_outside_image", f"only {share:.0%} of the aligned face lies inside the image")
    return warp_area(image, matrix, ALIGNED_SIZE)


def warp_area(image: UInt8Array, matrix: NDArray[np.float64], size: int) -> UInt8Array:
    """Warp an image by a similarity, averaging over the source area of each pixel so that shrinking does not alias.

    The warp runs bilinearly on a grid as fine as the source, and is then averaged down by a whole factor.

    Args:
        image: (H, W, 3) uint8.
        matrix: (2, 3), source pixel to target pixel.
        size: edge of the target.

    Returns:
        (size, size, 3) uint8; what lies outside the source is black.
    """
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    factor = int(np.clip(np.ceil(1 / scale), 1, 16))
    fine = matrix * factor
    fine[:, 2] += (factor - 1) / 2
    warped = sampled(image, _inverse(fine), size * factor)
    if factor == 1:
        return warped
    return np.asarray(cv2.resize(warped, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def warp_labels(labels: UInt8Array, matrix: NDArray[np.float64], size: int = ALIGNED_SIZE) -> UInt8Array:
    """Warp a label map by nearest neighbour: (H, W) uint8 to (size, size) uint8; 255 outside the source."""
    return sampled(labels, _inverse(matrix), size, by="nearest", outside=IGNORE)


def _inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(cv2.invertAffineTransform(matrix), np.float64)

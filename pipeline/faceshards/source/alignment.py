"""How an image of a source is aligned: by its landmarks, by a detector's points, or not at all."""

import numpy as np
from numpy.typing import NDArray

from faceshards.errors import BadSampleError
from faceshards.ops.align import ALIGNED_SIZE, similarity
from faceshards.records import Float32Array, UInt8Array
from faceshards.source.detect import Detector


def face_alignment(
    image: UInt8Array, landmarks: Float32Array | None, detect: Detector | None
) -> NDArray[np.float64] | None:
    """The alignment of an image, or None where its 112x112 pixels show that it is aligned already.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks: (70, 2) or (5, 2), as `Source.landmarks`; None asks the detector.
        detect: None where there is none.

    Returns:
        (2, 3) float64, as `faceshards.ops.align.similarity`, or None.

    Raises:
        BadSampleError: neither landmarks nor a detector, no face found, or points that fit no face.
    """
    if image.shape[:2] == (ALIGNED_SIZE, ALIGNED_SIZE):
        return None
    return similarity(_detected(image, detect) if landmarks is None else landmarks)


def _detected(image: UInt8Array, detect: Detector | None) -> Float32Array:
    if detect is None:
        raise BadSampleError(
            "no_landmarks",
            f"the image has {image.shape[1]}x{image.shape[0]} pixels and no landmarks: set a detector "
            "(align.detector, or --detector), or give a table of landmarks (source.landmarks, or --landmarks)",
        )
    points = detect(image)
    if points is None:
        raise BadSampleError("no_face_found", "the detector found no face")
    return points

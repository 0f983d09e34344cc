"""Ground truth as the 25 regions, by the face mesh where the image has one."""

import numpy as np

from faceshards.errors import BadSampleError
from faceshards.facemesh.finder import face_mesh
from faceshards.ops.labels import detailed_regions
from faceshards.ops.mesh import N_LANDMARKS, mesh_distance
from faceshards.records import Float32Array, Truth, UInt8Array


def true_regions(truth: Truth | None, landmarks: Float32Array | None, image: UInt8Array) -> UInt8Array | None:
    """The 25 regions of a face, from its ground truth.

    Labels of coarse classes are cut by the face mesh of the image. Where the image shows no mesh, or one that is not
    the face of the landmarks, they are cut by the landmarks alone.

    Args:
        truth: of `Source.truth`.
        landmarks: of `Source.landmarks`.
        image: (H, W, 3) uint8 RGB.

    Returns:
        (H, W) uint8, `Region` ids, 255 = ignore; None where there is no truth, or neither a mesh nor 70 landmarks to
        cut it by.

    Raises:
        BadSampleError: the labels are of another size than the image, or cannot be cut.

    Example:
        >>> regions = true_regions(source.truth(0), source.landmarks(0), image)
    """
    if truth is None:
        return None
    if truth.labels.shape != image.shape[:2]:
        raise BadSampleError("truth_of_other_size", f"expected labels of {image.shape[:2]}, found {truth.labels.shape}")
    if truth.scheme == "regions25":
        return truth.labels
    return cut_regions(truth.labels, landmarks, image)


def cut_regions(coarse: UInt8Array, landmarks: Float32Array | None, image: UInt8Array) -> UInt8Array | None:
    """The 25 regions of a face, from labels of coarse classes.

    Args:
        coarse: (H, W) uint8, `CoarseRegion` ids, 255 = ignore.
        landmarks: of `Source.landmarks`.
        image: (H, W, 3) uint8 RGB.

    Returns:
        As `true_regions`.

    Raises:
        BadSampleError: the labels or landmarks are malformed.
    """
    if landmarks is None or len(landmarks) != N_LANDMARKS:
        # Once, as the authors did it; and as the face is found that is aligned, where that finds none.
        largest = next(iter(face_mesh().look(image) or face_mesh().find(image)), None)
        return None if largest is None else detailed_regions(coarse, None, largest.points)
    # Before the mesh is compared with them.
    if not np.isfinite(landmarks).all():
        return detailed_regions(coarse, landmarks)
    meshes = [face.points for face in face_mesh().look(image)]
    nearest = min(meshes, key=lambda mesh: mesh_distance(mesh, landmarks), default=None)
    return detailed_regions(coarse, landmarks, nearest)

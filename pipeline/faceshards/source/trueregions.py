"""Ground truth as the 25 regions, by the face mesh where the image has one."""

import numpy as np

from faceshards.errors import BadSampleError
from faceshards.facemesh.finder import face_mesh
from faceshards.ops.label_fit import FITS, FITS_WELL, label_distance
from faceshards.ops.labels import detailed_regions
from faceshards.ops.mesh import N_LANDMARKS, mesh_distance
from faceshards.records import Float32Array, Float64Array, Truth, UInt8Array


def true_regions(truth: Truth | None, landmarks: Float32Array | None, image: UInt8Array) -> UInt8Array | None:
    """The 25 regions of a face, from its ground truth.

    Labels of coarse classes are cut by the face mesh of the image. Where the image shows no mesh, or one that is not
    the face of the landmarks, they are cut by the landmarks alone. Without 70 landmarks, a mesh must lie on the eyes,
    nose and mouth of the labels.

    Args:
        truth: of `Source.truth`.
        landmarks: of `Source.landmarks`.
        image: (H, W, 3) uint8 RGB.

    Returns:
        (H, W) uint8, `Region` ids, 255 = ignore; None where there is no truth.

    Raises:
        BadSampleError: the labels are of another size than the image, or cannot be cut; ``"truth_without_mesh"``: there
            are no 70 landmarks, and no mesh that lies on the labelled face.

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


def cut_regions(coarse: UInt8Array, landmarks: Float32Array | None, image: UInt8Array) -> UInt8Array:
    """The 25 regions of a face, from labels of coarse classes.

    Args:
        coarse: (H, W) uint8, `CoarseRegion` ids, 255 = ignore.
        landmarks: of `Source.landmarks`.
        image: (H, W, 3) uint8 RGB.

    Returns:
        (H, W) uint8, `Region` ids, 255 = ignore.

    Raises:
        BadSampleError: the labels or landmarks are malformed; or as `true_regions`.
    """
    if landmarks is None or len(landmarks) != N_LANDMARKS:
        return detailed_regions(coarse, None, _mesh_on(coarse, image))
    # Before the mesh is compared with them.
    if not np.isfinite(landmarks).all():
        return detailed_regions(coarse, landmarks)
    meshes = [face.points for face in face_mesh().look(image)]
    nearest = min(meshes, key=lambda mesh: mesh_distance(mesh, landmarks), default=None)
    return detailed_regions(coarse, landmarks, nearest)


def _mesh_on(coarse: UInt8Array, image: UInt8Array) -> Float64Array:
    """The mesh (468, 2) of the face that is labelled.

    Raises:
        BadSampleError: none lies on it.
    """
    nearest, distance = None, float("inf")
    # The authors looked once. That misses turned faces and lays upright meshes on those that are upside down.
    for look in (face_mesh().look, face_mesh().find):
        for face in look(image):
            if (of_face := label_distance(face.points, coarse)) < distance:
                nearest, distance = face.points, of_face
        if distance <= FITS_WELL:
            break
    if nearest is None or distance > FITS:
        raise BadSampleError(
            "truth_without_mesh",
            "no face mesh of the image lies on the eyes, nose and mouth of its labels, so that nothing says where the "
            "skin is to be cut; the face has no truth",
        )
    return nearest

"""The mesh points that a face's skin is cut by: of its own mesh, or out of FaceSynthetics' 70 landmarks.

The coefficients in ``mesh_map.json`` are fitted by ``benchmarks/fit_mesh_map.py``, which says how.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from faceshards.records import Float32Array, Float64Array

MeshPoints = Mapping[int, Float64Array]
"""Number of a mesh point (0-467) to its (2,) float64 pixel."""

N_LANDMARKS = 70
N_MESH_POINTS = 468

_DRAWN_AT = -0.5
"""From MediaPipe's points to pixels whose origin is the centre of the top left one, in which polygons are drawn."""

BELIEVED = 0.15
"""The greatest distance of a mesh from the map, in radii of the landmarks, at which the mesh is believed.

Of the 70 sample frames that have a mesh the median is 0.037. Three meshes lie beyond, all visibly wrong, although the
network is sure of them."""
_POSE_LIMIT = 4.0  # standard deviations; beyond them the squares would extrapolate


@dataclass(frozen=True, slots=True)
class Similarity:
    """Turn, scale and shift between a face's own frame and pixels; x + iy holds a point.

    Attributes:
        centre: of the landmarks, pixels.
        turn_and_scale: pixels for each unit of the face's frame; 0 where all landmarks are one point.
    """

    centre: complex
    turn_and_scale: complex

    @classmethod
    def onto(cls, landmarks: Float64Array, reference: Float64Array) -> "Similarity":
        """The face's frame in which `landmarks` (70, 2) lie best on `reference` (70, 2), with unit RMS radius."""
        points = landmarks.view(np.complex128)[:, 0]
        centre = complex(points.mean())
        offsets = points - centre
        overlap = complex(np.vdot(reference.view(np.complex128)[:, 0], offsets))
        turn = overlap / abs(overlap) if abs(overlap) > 0 else 1.0
        return cls(centre, turn * float(np.sqrt(np.mean(np.abs(offsets) ** 2))))

    def to_face(self, pixels: Float64Array) -> Float64Array:
        """(N, 2) pixels to (N, 2) of the face's frame; zeros where the face is one point."""
        if self.turn_and_scale == 0:
            return np.zeros_like(pixels)
        points = (np.ascontiguousarray(pixels).view(np.complex128) - self.centre) / self.turn_and_scale
        return points.view(np.float64)

    def to_pixels(self, face: Float64Array) -> Float64Array:
        """(N, 2) of the face's frame to (N, 2) pixels."""
        points = np.ascontiguousarray(face).view(np.complex128) * self.turn_and_scale + self.centre
        return points.view(np.float64)


@dataclass(frozen=True, slots=True)
class MeshMap:
    """A quadratic map from landmarks to mesh points, both in the face's own frame (see `Similarity`).

    The linear part sees all 70 landmarks, the squares only the first few principal components, which are pose and
    mouth opening: the mesh is flatter and bends otherwise than the true face as the head turns away.

    Attributes:
        points: (P,) numbers of the mesh points.
        reference: (70, 2), the mean face.
        pose: (140, Q), landmarks off the mean face to principal components in standard deviations.
        coefficients: (140 + Q (Q + 1) / 2, 2 P).
        offset: (2 P,).
    """

    points: tuple[int, ...]
    reference: Float64Array
    pose: Float64Array
    coefficients: Float64Array
    offset: Float64Array

    def features(self, face: Float64Array) -> Float64Array:
        """(140 + Q (Q + 1) / 2,) of landmarks (70, 2) in the face's frame."""
        shape = (face - self.reference).ravel()
        pose = np.clip(shape @ self.pose, -_POSE_LIMIT, _POSE_LIMIT)
        first, second = np.triu_indices(len(pose))
        return np.concatenate([shape, pose[first] * pose[second]])

    def __call__(self, landmarks: Float32Array) -> MeshPoints:
        """Mesh points of finite landmarks (70, 2) in pixels; finite for any finite landmarks."""
        pixels = np.ascontiguousarray(landmarks, np.float64)
        frame = Similarity.onto(pixels, self.reference)
        mesh = self.features(frame.to_face(pixels)) @ self.coefficients + self.offset
        return dict(zip(self.points, frame.to_pixels(mesh.reshape(-1, 2)), strict=True))


def cutting_points(landmarks: Float32Array | None, mesh: Float64Array | None) -> MeshPoints:
    """The mesh points that a face is cut by: those of its mesh, or of the map where the mesh is not to be believed.

    Args:
        landmarks: (70, 2), finite, pixels; None believes the mesh.
        mesh: (468, 2), pixels; None takes the map.

    Raises:
        ValueError: neither.
    """
    if landmarks is None:
        if mesh is None:
            raise ValueError("expected landmarks or a mesh; found neither")
        return dict(enumerate(mesh + _DRAWN_AT))
    if mesh is None or mesh_distance(mesh, landmarks) > BELIEVED:
        return mesh_map()(landmarks)
    return dict(enumerate(mesh + _DRAWN_AT))


def mesh_distance(mesh: Float64Array, landmarks: Float32Array) -> float:
    """How far a mesh (468, 2) lies from where the map puts it: the median of its points, in RMS radii of the landmarks.

    Infinite where all landmarks (70, 2) are one point.
    """
    by_map = mesh_map()(landmarks)
    off = np.array([mesh[k] + _DRAWN_AT - point for k, point in by_map.items()])
    centred = landmarks.astype(np.float64) - landmarks.mean(axis=0, dtype=np.float64)
    radius = float(np.sqrt((centred**2).sum(axis=1).mean()))
    return float(np.median(np.hypot(*off.T))) / radius if radius > 0 else float("inf")


@cache
def mesh_map() -> MeshMap:
    """The fitted map that ships with the package."""
    table = json.loads(resources.files("faceshards.ops").joinpath("mesh_map.json").read_text("utf-8"))
    array = {name: np.array(table[name], np.float64) for name in ("reference", "pose", "features", "modes", "offset")}
    return MeshMap(
        tuple(table["points"]),
        array["reference"],
        array["pose"],
        array["features"] @ array["modes"],  # stored as two thin factors
        array["offset"],
    )

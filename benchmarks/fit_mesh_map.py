"""Fit the map from FaceSynthetics' 70 landmarks to points of the face mesh: ops/mesh_map.json.

python benchmarks/fit_mesh_map.py ../shared

How the coefficients come about:
1. `faceshards.facemesh` finds the mesh in every frame, and in nine slightly moved, turned, scaled and mirrored views of
   it. The target is the mean over the views, which takes out the jitter of the detector. Where the FSErasing authors'
   labels are at hand (frames 0-4) they show that the authors' mesh was that of the plain frame: there it is taken.
2. Landmarks and mesh go into the face's own frame (the similarity that lays the landmarks best onto the mean face).
   Every face counts twice, as it is and mirrored, so the map is the same for both sides.
3. Ridge regression on the 140 coordinates and the products of their first principal components. Faces whose mesh does
   not fit (it lies wrong on some) lose weight, iteratively; those of frames 0-4 are confirmed, and weigh more.
4. The coefficients are cut to their leading modes and rounded.

Printed: the error on faces left out of the fit (tenfold), what that error does to the region map of the 71 frames,
and the agreement with the authors' labels of frames 0-4 by a map that saw none of them, and by the final map.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from labels25 import (
    MIRRORED_LANDMARKS,
    Agreement,
    Frame,
    agreement,
    at_label_size,
    authors_labels,
    pooled,
    read_frames,
    table,
)
from numpy.typing import NDArray

from faceshards.facemesh.finder import FaceMesh
from faceshards.ops.labels import detailed_regions
from faceshards.ops.mesh import N_MESH_POINTS, MeshMap, Similarity
from faceshards.ops.skin import BOTTOM, LEFT, MIDLINE, RIGHT, split_skin
from faceshards.regions import IGNORE, CoarseRegion

Array = NDArray[np.float64]

OUT = Path(__file__).resolve().parents[1] / "pipeline" / "faceshards" / "ops" / "mesh_map.json"
RIDGE, PRODUCT_SCALE, N_POSE, N_MODES = 2e-3, 0.35, 10, 20
CONFIRMED_WEIGHT, OUTLIER, ROUNDS, FOLDS = 3.0, 1.0, 6, 10

_PAIRS = {a: b for right, left in zip(RIGHT, LEFT, strict=True) for a, b in zip(right, left, strict=True)}
OPPOSITE = {**{k: k for k in (*MIDLINE, BOTTOM)}, **_PAIRS, **{b: a for a, b in _PAIRS.items()}}
POINTS = tuple(sorted(OPPOSITE))
MIRRORED_POINTS = [POINTS.index(OPPOSITE[k]) for k in POINTS]
FLIP = np.array([-1.0, 1.0])

# (degrees, scale, shift in pixels); every second one is mirrored too.
VIEWS = ((0, 1, 0), (0, 1, 0), (0, 1, 9), (0, 1, 9), (4, 1, -6), (-4, 1, -6), (-4, 0.93, 3), (4, 0.93, 3), (0, 1.08, 0))


class Faces(NamedTuple):
    """Landmarks (N, 70, 2) and mesh points (N, P, 2) in the faces' own frames; confirmed (N,) bool."""

    landmarks: Array
    mesh: Array
    confirmed: NDArray[np.bool_]

    def where(self, chosen: NDArray[np.bool_]) -> "Faces":
        return Faces(self.landmarks[chosen], self.mesh[chosen], self.confirmed[chosen])

    def with_mirrored(self) -> "Faces":
        return Faces(
            np.concatenate([self.landmarks, self.landmarks[:, MIRRORED_LANDMARKS] * FLIP]),
            np.concatenate([self.mesh, self.mesh[:, MIRRORED_POINTS] * FLIP]),
            np.concatenate([self.confirmed, self.confirmed]),
        )


def mesh_of(frame: Frame, finder: FaceMesh, *, plain: bool) -> Array | None:
    """Mesh points (P, 2) in pixels of the frame, or None where no face is found in half of the views."""
    height, width = frame.coarse.shape
    rgb = cv2.cvtColor(frame.image, cv2.COLOR_BGR2RGB)
    centre = frame.landmarks.mean(0)
    found = []
    views = VIEWS[:1] if plain else VIEWS
    for i, (degrees, scale, shift) in enumerate(views):
        to_view = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), degrees, scale)
        to_view[:, 2] += np.array([shift, shift / 2])
        view = cv2.warpAffine(rgb, to_view, (width, height), borderMode=cv2.BORDER_REPLICATE)
        mirrored = i % 2 == 1
        faces = finder.look(np.ascontiguousarray(view[:, ::-1]) if mirrored else view)
        if not faces:
            continue
        mesh = faces[0].points - 0.5  # as ops/mesh.py draws them
        if mirrored:
            mesh[:, 0] = width - 1 - mesh[:, 0]
        names = [OPPOSITE[k] if mirrored else k for k in POINTS]
        found.append((mesh[names] - to_view[:, 2]) @ np.linalg.inv(to_view[:, :2]).T)
    return np.mean(found, axis=0) if 2 * len(found) > len(views) else None


def mean_face(landmarks: Sequence[Array]) -> Array:
    """(70, 2): mirror-symmetric, centred, unit RMS radius."""
    centred = [x - x.mean(0) for x in landmarks]
    mean = np.mean([x / np.sqrt((x**2).sum(1).mean()) for x in centred], axis=0)
    mean = (mean + mean[MIRRORED_LANDMARKS] * FLIP) / 2
    return np.asarray(mean / np.sqrt((mean**2).sum(1).mean()))


def fit(faces: Faces, reference: Array) -> MeshMap:
    """Robust ridge regression; see the top of this file."""
    faces = faces.with_mirrored()
    shapes = (faces.landmarks - reference).reshape(len(faces.landmarks), -1)
    spread, axes = np.linalg.svd(shapes - shapes.mean(0), full_matrices=False)[1:]
    deviation = spread[:N_POSE] / np.sqrt(len(shapes))
    empty = MeshMap(POINTS, reference, axes[:N_POSE].T / deviation, np.empty(0), np.empty(0))
    features = np.stack([empty.features(x) for x in faces.landmarks])
    targets = faces.mesh.reshape(len(faces.mesh), -1)

    # One ridge for all, in the scale of the first component: products count by the share of their components.
    first, second = np.triu_indices(N_POSE)
    share = deviation / deviation[0]
    scale = np.ones(features.shape[1])
    scale[shapes.shape[1] :] = PRODUCT_SCALE * deviation[0] * np.sqrt(share[first] * share[second])

    weights = np.where(faces.confirmed, CONFIRMED_WEIGHT, 1.0)
    penalty = RIDGE * deviation[0] ** 2 * len(features) * np.eye(len(scale))
    for _ in range(ROUNDS):
        middle, mean = (np.average(x, axis=0, weights=weights) for x in (features, targets))
        scaled = (features - middle) * scale
        weighted = scaled * weights[:, None]
        coefficients = scale[:, None] * np.linalg.solve(weighted.T @ scaled + penalty, weighted.T @ (targets - mean))
        fitted = (features - middle) @ coefficients
        error = np.sqrt(((fitted + mean - targets) ** 2).sum(1))
        outlying = np.minimum(1.0, OUTLIER * np.median(error) / error) ** 2
        weights = np.where(faces.confirmed, CONFIRMED_WEIGHT, outlying)

    modes = np.linalg.svd(fitted, full_matrices=False)[2][:N_MODES]
    coefficients = coefficients @ modes.T @ modes
    return MeshMap(POINTS, reference, empty.pose, coefficients, mean - middle @ coefficients)


def rounded(mesh_map: MeshMap) -> dict[str, object]:
    """What is written: `coefficients` as two thin factors, everything to a thousandth of a pixel or better."""
    left, size, modes = np.linalg.svd(mesh_map.coefficients, full_matrices=False)
    return {
        "made_by": "benchmarks/fit_mesh_map.py",
        "points": list(mesh_map.points),
        "reference": mesh_map.reference.round(5).tolist(),
        "pose": mesh_map.pose.round(4).tolist(),
        "features": (left * size)[:, :N_MODES].round(5).tolist(),
        "modes": modes[:N_MODES].round(5).tolist(),
        "offset": mesh_map.offset.round(5).tolist(),
    }


def with_points(frame: Frame, mesh_map: MeshMap) -> NDArray[np.uint8]:
    """`detailed_regions` with another map (none of these frames has a beard)."""
    regions = detailed_regions(frame.coarse, None, np.zeros((N_MESH_POINTS, 2)))  # cut anew right here
    skin = frame.coarse == CoarseRegion.SKIN
    regions[skin] = split_skin(mesh_map(frame.landmarks), frame.coarse.shape)[skin]
    return regions


def mesh_agreement(frame: Frame, mesh: Array, mesh_map: MeshMap) -> Agreement:
    """Skin regions by the map against skin regions straight from the mesh."""
    by_map, by_mesh = (
        split_skin(points, frame.coarse.shape)
        for points in (mesh_map(frame.landmarks), dict(zip(POINTS, mesh, strict=True)))
    )
    by_mesh[~np.isin(frame.coarse, (CoarseRegion.SKIN, CoarseRegion.BEARD))] = IGNORE
    return agreement(by_map, frame.coarse, at_label_size(by_mesh))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path, nargs="?", default=Path("../shared"))
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()

    finder = FaceMesh()
    frames, meshes, labels = [], [], []
    for frame in read_frames(args.shared / "facesynthetics" / "dataset_71.zip"):
        authors = authors_labels(args.shared / "labels25", frame.name)
        mesh = mesh_of(frame, finder, plain=authors is not None)
        if mesh is None:
            print(f"{frame.name}: no face found; left out")
            continue
        frames.append(frame)
        meshes.append(mesh)
        labels.append(authors)

    pixels = [f.landmarks.astype(np.float64) for f in frames]
    reference = mean_face(pixels)
    similar = [Similarity.onto(x, reference) for x in pixels]
    faces = Faces(
        np.stack([s.to_face(x) for s, x in zip(similar, pixels, strict=True)]),
        np.stack([s.to_face(x) for s, x in zip(similar, meshes, strict=True)]),
        np.array([a is not None for a in labels]),
    )

    fold = np.arange(len(frames)) % FOLDS
    errors, by_mesh = [], []
    for k in range(FOLDS):
        left_out = fit(faces.where(fold != k), reference)
        for i in np.flatnonzero(fold == k):
            found = left_out(frames[i].landmarks)
            errors.append(np.median([np.hypot(*(found[p] - q)) for p, q in zip(POINTS, meshes[i], strict=True)]))
            by_mesh.append(mesh_agreement(frames[i], meshes[i], left_out))
    print(f"{len(frames)} faces, tenfold: median error of a mesh point {np.median(errors):.2f} px")
    total = pooled(by_mesh)
    print(f"regions by the map against regions by the mesh: skin agrees {total.skin:.4f}, mIoU 1-9 {total.miou:.4f}")

    final = fit(faces, reference)
    for title, mesh_map in (
        ("authors' labels, map that saw none of these frames", fit(faces.where(~faces.confirmed), reference)),
        ("authors' labels, final map", final),
    ):
        print(title)
        pairs = [(f, a) for f, a in zip(frames, labels, strict=True) if a is not None]
        print(table([(f.name, agreement(with_points(f, mesh_map), f.coarse, a)) for f, a in pairs]))
    body = ",\n".join(f'"{name}": {json.dumps(value, separators=(",", ":"))}' for name, value in rounded(final).items())
    args.out.write_text("{\n" + body + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

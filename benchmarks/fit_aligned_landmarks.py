"""Fit the model from part masks to landmarks of an aligned face: ops/aligned_landmarks.json.

python benchmarks/fit_aligned_landmarks.py ../shared

How the moments come about: every frame of FaceSynthetics is aligned by its true landmarks, and in six more copies by
landmarks that are off as a detector's are (2 degrees, 3 % of the size, 1.2 pixels, each one standard deviation). All
of them count twice, as they are and mirrored. A part that is hidden is left out of the moments that it has part in.

Printed, over frames that the fit did not see (tenfold): the 25 regions that the true 19 classes of an aligned frame
give without landmarks, against the regions that the frame's mesh gives; for the mean face, for the estimate, for the
landmarks themselves (what is lost by cutting at 112 pixels instead of the frame's own); how often eyes, brows and
ears are on the side that the picture's middle says; and what masks with a network's errors in them give: the bundled
parser on its validation frames, as it is, and merged to the 19 classes and cut again. Also what the face mesh of the
aligned crop, enlarged fourfold, gives in the place of the estimate.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from labels25 import MIRRORED_LANDMARKS, Frame, by_mesh, read_frames
from numpy.typing import NDArray

from faceshards.facemesh.finder import face_mesh
from faceshards.ops.align import ALIGNED_SIZE, five_points, similarity, warp_image, warp_labels
from faceshards.ops.aligned_landmarks import N_FEATURES, PointModel, mask_features
from faceshards.ops.labels import detailed_regions, merge_to_coarse
from faceshards.parsing import load_parser
from faceshards.parsing.evaluate import confusion, scores
from faceshards.parsing.schemes import MIDDLE_X
from faceshards.regions import IGNORE, CoarseRegion

Array = NDArray[np.float64]
Labels = NDArray[np.uint8]

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "pipeline" / "faceshards" / "ops" / "aligned_landmarks.json"
HELD_OUT = ROOT / "manifests" / "parser_validation.txt"
COPIES, DEGREES, SIZE, SHIFT = 6, 2.0, 0.03, 1.2
NOISE, FOLDS = 3.0, 10
SKIN = (CoarseRegion.SKIN, CoarseRegion.BEARD)
PAIRS = {
    "eyes": (CoarseRegion.RIGHT_EYE, CoarseRegion.LEFT_EYE),
    "brows": (CoarseRegion.RIGHT_BROW, CoarseRegion.LEFT_BROW),
    "ears": (CoarseRegion.RIGHT_EAR, CoarseRegion.LEFT_EAR),
}


class Aligned(NamedTuple):
    """An aligned face: classes (112, 112), landmarks (70, 2)."""

    coarse: Labels
    landmarks: Array

    def mirrored(self) -> "Aligned":
        swap = np.arange(256, dtype=np.uint8)
        for right, left in PAIRS.values():
            swap[[right, left]] = left, right
        landmarks = self.landmarks[MIRRORED_LANDMARKS]
        landmarks[:, 0] = ALIGNED_SIZE - 1 - landmarks[:, 0]
        return Aligned(swap[self.coarse[:, ::-1]], landmarks)


def aligned(frame: Frame, matrix: Array) -> Aligned:
    return Aligned(warp_labels(frame.coarse, matrix), frame.landmarks @ matrix[:, :2].T + matrix[:, 2])


def jittered(matrix: Array, draw: np.random.Generator) -> Array:
    """The same alignment, off by a little around the middle of the face."""
    turn = np.exp(draw.normal(0, SIZE) + 1j * np.radians(draw.normal(0, DEGREES)))
    rotation = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    centre = np.full(2, (ALIGNED_SIZE - 1) / 2)
    shift = rotation @ (matrix[:, 2] - centre) + centre + draw.normal(0, SHIFT, 2)
    return np.column_stack([rotation @ matrix[:, :2], shift])


def views(frame: Frame, draw: np.random.Generator) -> list[Aligned]:
    """The face as it is aligned, its jittered copies, and the mirror images of all."""
    matrix = similarity(five_points(frame.landmarks))
    faces = [aligned(frame, m) for m in (matrix, *(jittered(matrix, draw) for _ in range(COPIES)))]
    return [view for face in faces for view in (face, face.mirrored())]


def fit(features: Array, landmarks: Array) -> PointModel:
    """Moments of features (N, F), NaN where hidden, and landmarks (N, 70, 2)."""
    points = landmarks.reshape(len(landmarks), -1)
    seen = np.isfinite(features)
    mean, point_mean = np.nanmean(features, axis=0), points.mean(axis=0)
    centred = np.where(seen, features - mean, 0)
    both = seen.T.astype(np.float64) @ seen
    values, axes = np.linalg.eigh(centred.T @ centred / np.maximum(both, 1))
    covariance = (axes * np.maximum(values, 0)) @ axes.T  # of pairs seen together, so not positive by itself
    cross = centred.T @ (points - point_mean) / seen.sum(axis=0)[:, None]
    return PointModel(mean, point_mean, covariance, cross, NOISE)


def rounded(model: PointModel) -> dict[str, object]:
    return {
        "made_by": "benchmarks/fit_aligned_landmarks.py",
        "noise": model.noise,
        "feature_mean": model.feature_mean.round(3).tolist(),
        "point_mean": model.point_mean.round(3).tolist(),
        "feature_covariance": model.feature_covariance[np.triu_indices(N_FEATURES)].round(3).tolist(),
        "cross_covariance": model.cross_covariance.round(2).tolist(),
    }


def report(title: str, faces: Sequence[Aligned], truth: Sequence[Labels], points: Sequence[Array]) -> None:
    """One line: agreement of the regions by `points` with the truth, and the points' error."""
    counts, agreed, skin_px = np.zeros((25, 25), np.int64), 0, 0
    for face, regions, landmarks in zip(faces, truth, points, strict=True):
        found = detailed_regions(face.coarse, landmarks.astype(np.float32))
        known = (regions != IGNORE) & (found != IGNORE)
        skin = known & np.isin(face.coarse, SKIN)
        agreed, skin_px = agreed + int((found == regions)[skin].sum()), skin_px + int(skin.sum())
        counts += confusion(found[known], regions[known])
    iou = scores(counts).iou[1:10]
    off = np.mean([np.hypot(*(p - f.landmarks).T).mean() for f, p in zip(faces, points, strict=True)])
    columns = " ".join(f"{value:.2f}" for value in iou)
    print(f"{title:22s} {agreed / skin_px:11.4f} {np.mean(iou):9.4f} {off:10.2f}   {columns}")


def aligned_image(frame: Frame) -> NDArray[np.uint8]:
    return warp_image(np.ascontiguousarray(frame.image[..., ::-1]), similarity(five_points(frame.landmarks)))


def report_mesh(frames: Sequence[Frame], faces: Sequence[Aligned], truth: Sequence[Labels]) -> None:
    """The line of `report`, for a cut by the mesh of the crop, over the faces that have one."""
    counts, agreed, skin_px, n = np.zeros((25, 25), np.int64), 0, 0, 0
    for frame, face, regions in zip(frames, faces, truth, strict=True):
        image = cv2.resize(aligned_image(frame), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
        meshes = face_mesh().look(image)
        if not meshes:
            continue
        mesh = meshes[0].points / 4
        found = detailed_regions(face.coarse, None, mesh)
        known = (regions != IGNORE) & (found != IGNORE)
        skin = known & np.isin(face.coarse, SKIN)
        agreed, skin_px, n = agreed + int((found == regions)[skin].sum()), skin_px + int(skin.sum()), n + 1
        counts += confusion(found[known], regions[known])
    iou = np.mean(scores(counts).iou[1:10])
    print(f"its mesh, {n} of {len(faces)}     {agreed / skin_px:11.4f} {iou:9.4f}")


def report_network(frames: Sequence[Frame], truth: Sequence[Labels], model: PointModel) -> None:
    """Regions 1 to 9 of the bundled parser, and of its 19 classes cut by `model`, which saw none of these frames."""
    images = [aligned_image(frame) for frame in frames]
    own = load_parser(device="cpu").parse(np.stack(images))
    coarse = [merge_to_coarse(face) for face in own]
    cut = [detailed_regions(face, model(mask_features(face)).astype(np.float32)) for face in coarse]
    for title, found in (("its own regions", own), ("its 19 classes, cut", cut)):
        known = [regions != IGNORE for regions in truth]
        counts = sum(confusion(f[k], t[k]) for f, t, k in zip(found, truth, known, strict=True))
        print(f"bundled parser, {len(frames)} frames, {title}: mIoU 1-9 {np.mean(scores(counts).iou[1:10]):.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path, nargs="?", default=Path("../shared"))
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()

    draw = np.random.default_rng(0)
    frames, faces, truth, samples = [], [], [], []
    for frame in read_frames(args.shared / "facesynthetics" / "dataset_71.zip"):
        matrix = similarity(five_points(frame.landmarks))
        frames.append(frame)
        faces.append(aligned(frame, matrix))
        truth.append(warp_labels(by_mesh(frame), matrix))
        samples.append([(mask_features(view.coarse), view.landmarks) for view in views(frame, draw)])

    def fitted(chosen: Callable[[int], bool]) -> PointModel:
        kept = [sample for i, of_frame in enumerate(samples) if chosen(i) for sample in of_frame]
        return fit(np.stack([f for f, _ in kept]), np.stack([p for _, p in kept]))

    by_fold = [fitted(lambda i, k=k: i % FOLDS != k) for k in range(FOLDS)]
    print("points                 skin agrees  mIoU 1-9  error, px   IoU of regions 1 to 9")
    report("mean face", faces, truth, [by_fold[i % FOLDS].point_mean.reshape(-1, 2) for i in range(len(faces))])
    report("estimate", faces, truth, [by_fold[i % FOLDS](samples[i][0][0]) for i in range(len(faces))])
    report("true landmarks", faces, truth, [face.landmarks for face in faces])
    report_mesh(frames, faces, truth)
    for name, (right, left) in PAIRS.items():
        columns = [np.nonzero(np.isin(face.coarse, side))[1] for face in faces for side in (right, left)]
        hits = sum(int(((x > MIDDLE_X) == (i % 2 == 0)).sum()) for i, x in enumerate(columns))
        print(f"{name}: {hits / sum(map(len, columns)):.4f} of the pixels on their side of x = {MIDDLE_X:.1f}")

    held_out = {line for line in HELD_OUT.read_text().splitlines() if not line.startswith("#")}
    chosen = [i for i, frame in enumerate(frames) if frame.name in held_out]
    report_network([frames[i] for i in chosen], [truth[i] for i in chosen], fitted(lambda i: i not in chosen))

    body = ",\n".join(
        f'"{key}": {json.dumps(value, separators=(",", ":"))}' for key, value in rounded(fitted(lambda _: True)).items()
    )
    args.out.write_text("{\n" + body + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

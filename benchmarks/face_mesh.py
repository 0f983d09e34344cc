"""The face mesh on real frames and photographs: where its points lie, what it finds, how fast.

python benchmarks/face_mesh.py ../shared

With MediaPipe's own package as the oracle, in an environment of its own, because it brings another OpenCV:

python -m venv /tmp/oracle && /tmp/oracle/bin/pip install mediapipe==0.10.21
python benchmarks/face_mesh.py ../shared --oracle /tmp/oracle/bin/python

Printed:
- the five points of each detector that is installed, against the ground truth of the FaceSynthetics frames;
- with the oracle, how far our mesh points are from MediaPipe's, on those frames and on LFW's photographs of 200 people;
- what is found on all photographs of LFW, how fast on one core, and how far the points are from where LFW's faces lie.
  Its deep-funneled photographs are turned and shifted so that the eyes of the person lie near the same place; a
  point far from there is of somebody else, or of no face;
- whether the same face is found where some of those photographs are turned, small in a larger picture, or cut.
"""

import argparse
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
from labels25 import read_frames
from numpy.typing import NDArray

from faceshards.errors import FaceShardsError
from faceshards.facemesh.finder import FaceMesh
from faceshards.source.decode import decode_image
from faceshards.source.detect import DetectorName, five_of_mesh, load_detector

Image = NDArray[np.uint8]

FIVE_OF_70 = [68, 69, 30, 48, 54]
ORACLE_PEOPLE = 200
EVERY = 66
"""Every so many photographs are also shown in the hard ways."""
FAR = 0.5
"""A face whose five points are this far, in distances between the eyes, from where LFW's lie, is another one."""

# Runs where faceshards is not installed: (N, H, W, 3) images in, (N, 468, 2) points out, NaN where nothing is found.
ORACLE = """
import sys
import numpy as np
from mediapipe.python.solutions.face_mesh import FaceMesh
mesh = FaceMesh(static_image_mode=True)
images = np.load(sys.argv[1])
points = np.full((len(images), 468, 2), np.nan)
for image, of_image in zip(images, points):
    found = mesh.process(image).multi_face_landmarks
    if found:
        of_image[:] = [(p.x * image.shape[1], p.y * image.shape[0]) for p in found[0].landmark]
np.save(sys.argv[2], points)
"""


def frames(shared: Path) -> list[tuple[Image, NDArray[np.float32]]]:
    """Frames (H, W, 3) RGB with their 70 landmarks."""
    found = read_frames(shared / "facesynthetics" / "dataset_71.zip")
    return [(np.ascontiguousarray(frame.image[..., ::-1]), frame.landmarks) for frame in found]


def photographs(shared: Path) -> Iterator[tuple[str, Image]]:
    """LFW's photographs (250, 250, 3) RGB by name."""
    with zipfile.ZipFile(shared / "lfw" / "lfw-deepfunneled.zip") as archive:
        for name in sorted(n for n in archive.namelist() if n.endswith(".jpg")):
            yield name, decode_image(archive.read(name), name)


def five_points(shared: Path) -> None:
    truth = frames(shared)
    print(f"five points on {len(truth)} frames, pixels of 512: found, mean error, median of frames, by point")
    for name in get_args(DetectorName):
        try:
            detect = load_detector(name)
        except FaceShardsError as error:
            print(f"{name:6s} not run: {error}")
            continue
        found = [(detect(image), landmarks[FIVE_OF_70]) for image, landmarks in truth]
        errors = np.array([np.hypot(*(face.points - five).T) for face, five in found if face is not None])
        each = " ".join(f"{e:.1f}" for e in errors.mean(axis=0))
        print(f"{name:6s} {len(errors)} {errors.mean():.2f} {np.median(errors.mean(axis=1)):.2f}   {each}")


def against_oracle(shared: Path, python: Path) -> None:
    people = sorted({name.split("/")[-2] for name, _ in photographs(shared)})[:: 5749 // ORACLE_PEOPLE][:ORACLE_PEOPLE]
    of_people = [image for name, image in photographs(shared) if name.split("/")[-2] in set(people)]
    mesh = FaceMesh()
    for title, images in (("frames", [image for image, _ in frames(shared)]), ("photographs", of_people)):
        with tempfile.TemporaryDirectory() as folder:
            given, answer = Path(folder) / "images.npy", Path(folder) / "points.npy"
            np.save(given, np.stack(images))
            subprocess.run([python, "-c", ORACLE, given, answer], check=True, capture_output=True)
            theirs = np.load(answer)
        off, alone = [], [0, 0]
        for image, points in zip(images, theirs, strict=True):
            ours = [face.points for face in mesh.look(image)]
            if np.isnan(points).any() or not ours:
                alone[0] += bool(ours)
                alone[1] += not np.isnan(points).any()
                continue
            off.append(min((np.hypot(*(face - points).T) for face in ours), key=np.max))
        of_image = np.array([o.max() for o in off])
        print(
            f"{len(images)} {title}: both find {len(off)}, only ours {alone[0]}, only theirs {alone[1]}; pixels "
            f"between the points: median {np.median(off):.3f}, greatest {of_image.max():.3f}, above 0.1 in "
            f"{(of_image > 0.1).sum()}"
        )


def on_photographs(shared: Path) -> None:
    mesh = FaceMesh()
    names, found, faces, took = [], [], [], 0.0
    for name, image in photographs(shared):
        started = time.process_time()
        seen = mesh.find(image)
        took += time.process_time() - started
        names.append(name)
        faces.append(len(seen))
        found.append(five_of_mesh(seen[0].points) if seen else np.full((5, 2), np.nan))
    points = np.array(found)
    usual = np.nanmedian(points, axis=0)
    eyes = float(np.hypot(*(usual[1] - usual[0])))
    off = np.hypot(*np.moveaxis(points - usual, 2, 0)).mean(axis=1) / eyes
    print(
        f"LFW: a face on {np.isfinite(off).sum()} of {len(off)} photographs, {(off < FAR).sum()} of them where LFW's "
        f"lie; several on {(np.array(faces) > 1).sum()}; {len(off) / took:.0f} photographs a second of one core"
    )
    print("not found:", ", ".join(n for n, o in zip(names, off, strict=True) if np.isnan(o)))
    print("elsewhere:", ", ".join(f"{n} {o:.1f}" for n, o in zip(names, off, strict=True) if o >= FAR))


HARD: dict[str, tuple[NDArray[np.float64], int]] = {
    "turned by 90 degrees": (np.array([[0.0, -1, 249], [1, 0, 0]]), 250),
    "upside down": (np.array([[-1.0, 0, 249], [0, -1, 249]]), 250),
    "turned by 30 degrees": (cv2.getRotationMatrix2D((124.5, 124.5), 30, 1), 250),
    "one seventh of a picture of 1800 pixels": (np.array([[1.0, 0, 900], [0, 1, 300]]), 1800),
    "a quarter of the size, in 250 pixels": (np.array([[0.25, 0, 30], [0, 0.25, 150]]), 250),
    "cut to 90 pixels of 250, tight around the face": (np.array([[1.0, 0, -80], [0, 1, -80]]), 90),
    "the right half of the face alone": (np.array([[1.0, 0, -55], [0, 1, -55]]), 70),
}
"""From a pixel of the photograph to one of the picture that shows it, and that picture's edge."""


def in_hard_ways(shared: Path) -> None:
    mesh = FaceMesh()
    chosen = [image for i, (_, image) in enumerate(photographs(shared)) if i % EVERY == 0]
    plain = [mesh.find(image) for image in chosen]
    for title, (matrix, edge) in HARD.items():
        found = same = 0
        started = time.process_time()
        for image, faces in zip(chosen, plain, strict=True):
            grey = (127, 127, 127)
            seen = mesh.find(cv2.warpAffine(image, matrix, (edge, edge), flags=cv2.INTER_AREA, borderValue=grey))
            found += bool(seen)
            for face in faces[:1] if seen else ():
                expected = five_of_mesh(face.points) @ matrix[:, :2].T + matrix[:, 2]
                off = np.hypot(*(five_of_mesh(seen[0].points) - expected).T).mean()
                same += bool(off < FAR * np.hypot(*(expected[1] - expected[0])))
        took = (time.process_time() - started) / len(chosen)
        print(f"{title}: of {len(chosen)}, found {found}, the same face {same}; {1000 * took:.0f} ms each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path, nargs="?", default=Path("../shared"))
    parser.add_argument("--oracle", type=Path, help="the Python of an environment with mediapipe 0.10.21")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    five_points(given.shared)
    if given.oracle is not None:
        against_oracle(given.shared, given.oracle)
    in_hard_ways(given.shared)
    on_photographs(given.shared)


if __name__ == "__main__":
    main()

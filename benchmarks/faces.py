"""Aligned crops with their region maps, made from a few frames by moving the five points: material for benchmarks."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceshards.errors import BadSampleError
from faceshards.ops.align import five_points, similarity, warp_image, warp_labels
from faceshards.records import UInt8Array
from faceshards.source.decode import decode_image
from faceshards.source.facesynthetics import FaceSynthetics
from faceshards.source.trueregions import cut_regions

_MOVED_BY = 0.06  # standard deviation of each point, in distances between the eyes


def jittered_faces(zip_path: Path, n: int, seed: int = 0) -> Iterator[tuple[UInt8Array, UInt8Array, int]]:
    """Crops (112, 112, 3) and region maps (112, 112), uint8, with their frame's number as identity; `n` of them.

    The frames take turns, and every crop has its own points and so its own interpolation: no two share a pixel.
    """
    frames = list(_frames(zip_path))
    rng = np.random.default_rng(seed)
    for i in range(n):
        image, regions, points = frames[i % len(frames)]
        onto = _onto(points, rng)
        yield warp_image(image, onto), warp_labels(regions, onto), i % len(frames)


def _onto(points: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """The similarity of moved points; of a profile not all that are drawn fit a face."""
    spread = _MOVED_BY * np.hypot(*(points[0] - points[1]))
    while True:
        try:
            return similarity(points + rng.normal(0, spread, points.shape), ordered=True)
        except BadSampleError:
            continue


def _frames(zip_path: Path) -> Iterator[tuple[UInt8Array, UInt8Array, NDArray[np.float64]]]:
    source = FaceSynthetics(zip_path)
    cv2.setNumThreads(1)
    for index in range(len(source)):
        landmarks, truth = source.landmarks(index), source.truth(index)
        if landmarks is not None and truth is not None:
            image = decode_image(source.image_bytes(index), str(index))
            regions = cut_regions(truth.labels, landmarks, image)
            yield image, regions, five_points(landmarks)

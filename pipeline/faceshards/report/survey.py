"""One look at the pixels of the faces, a chunk at a time: measures, hashes, and what the mean face looks like."""

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceshards.ops.perceptual import likeness, perceptual_hashes
from faceshards.ops.quality import Quality, luma, quality
from faceshards.records import UInt8Array
from faceshards.regions import N_REGIONS
from faceshards.report.chunks import chunks_of, evenly
from faceshards.report.faces import Faces
from faceshards.rng import UInt64Array

SMALL = 16
"""The side of the small grey picture that is kept of every face, by which near duplicates are confirmed."""


_BLOCK = 4096


@dataclass(frozen=True)
class Pixels:
    """What the pictures of n faces say; about 300 bytes a face.

    Attributes:
        quality: measures, (n,) each.
        exact: (n,) uint64; equal pixels have one value, and others hardly ever.
        hashes: (n,) uint64, as `perceptual_hashes`.
        small: (n, 16, 16) uint8, the face in grey.
        mean: (H, W, 3) uint8, the mean of all.
        typical: (n,) float64, correlation of the small picture with the mean one, -1 to 1.
    """

    quality: Quality
    exact: UInt64Array
    hashes: UInt64Array
    small: UInt8Array
    mean: UInt8Array
    typical: NDArray[np.float64]


@dataclass(frozen=True)
class Survey:
    """What was found by looking at n faces.

    Attributes:
        faces: (n,) int64, counted among the usable ones, ascending.
        pixels: what their pictures say; None where there are no pictures.
        region_share: (25, H, W) uint8: of the faces, those that have the region at the pixel; 255 is all of them.
    """

    faces: NDArray[np.int64]
    pixels: Pixels | None
    region_share: UInt8Array


def survey(faces: Faces, most: int) -> Survey:
    """Look at all usable faces, or at about `most` of them in whole chunks evenly over the store."""
    chunks = evenly(chunks_of(faces, np.arange(faces.usable.num_rows)), most)
    height, width = faces.store.arrays["region"].shape
    counts = np.zeros((N_REGIONS, height, width), np.int64)
    total = np.zeros((height, width, 3), np.int64)
    parts: list[_Part] = []
    for chunk in chunks:
        regions = faces.store.read(chunk.split, "region", *chunk.bounds)[chunk.at]
        for region in range(N_REGIONS):
            counts[region] += (regions == region).sum(axis=0)
        images = faces.images(chunk.split, *chunk.bounds)
        if images is not None:
            total += images[chunk.at].sum(axis=0, dtype=np.int64)
            parts.append(_look_at(images[chunk.at]))
    members = np.concatenate([np.empty(0, np.int64), *(chunk.members for chunk in chunks)])
    share = np.rint(counts * 255 / max(len(members), 1)).astype(np.uint8)
    return Survey(members, _joined(parts, total) if parts else None, share)


@dataclass(frozen=True)
class _Part:
    quality: Quality
    exact: UInt64Array
    hashes: UInt64Array
    small: UInt8Array


def _look_at(images: UInt8Array) -> _Part:
    grey = luma(images)
    digests = b"".join(hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in images)
    small = [cv2.resize(one, (SMALL, SMALL), interpolation=cv2.INTER_AREA) for one in grey]
    return _Part(
        quality(images, grey),
        np.frombuffer(digests, "<u8").astype(np.uint64),
        perceptual_hashes(grey),
        np.stack(small),
    )


def _joined(parts: list[_Part], total: NDArray[np.int64]) -> Pixels:
    measures = (np.concatenate(column) for column in zip(*(part.quality for part in parts), strict=True))
    exact, hashes, small = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("exact", "hashes", "small")
    )
    mean = np.rint(total / len(exact)).astype(np.uint8)
    return Pixels(Quality(*measures), exact, hashes, small, mean, _typical(small))


def _typical(small: UInt8Array) -> NDArray[np.float64]:
    mean = np.rint(small.sum(axis=0, dtype=np.int64) / len(small)).astype(np.uint8)[None]
    return np.concatenate([likeness(small[i : i + _BLOCK], mean) for i in range(0, len(small), _BLOCK)])

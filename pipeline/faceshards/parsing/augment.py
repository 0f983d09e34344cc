"""What happens to a training face: geometry on image and regions together, everything else on the image alone.

All draws come from the generator that is passed in. Lengths are in pixels of the aligned 112x112 face.
"""

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from faceshards.ops.align import ALIGNED_SIZE
from faceshards.ops.labels import mirror_regions
from faceshards.parsing.crops import CROP_SCALE, TO_CROP, Cut
from faceshards.records import UInt8Array
from faceshards.regions import IGNORE, Region

Draw: TypeAlias = np.random.Generator

_BORROWED = (Region.GLASSES, Region.HEADWEAR)
"""What one face may wear of another's."""


def augment(face: Cut, donor: Cut, draw: Draw) -> tuple[UInt8Array, UInt8Array]:
    """Make one training sample.

    Args:
        face: from `crops`: (224, 224, 3) uint8 image and (224, 224) uint8 regions.
        donor: another face of the same kind, which lends glasses, headwear, colours and background.
        draw: where all randomness comes from.

    Returns:
        (112, 112, 3) uint8 image and (112, 112) uint8 regions.
    """
    face = flip(face) if draw.random() < 0.5 else face
    donor = flip(donor) if draw.random() < 0.5 else donor
    if draw.random() < 0.5:
        face = borrow(face, donor, draw)
    if draw.random() < 0.4:
        face = (replace_background(*face, donor[0], draw), face[1])
    if draw.random() < 0.2:
        face = occlude(face, donor[0], draw)
    image, regions = warp(*face, draw)
    image = degrade(recolour(image, donor[0], draw), draw)
    return cut_off(image, regions, draw) if draw.random() < 0.2 else (image, regions)


def flip(face: Cut) -> Cut:
    """Mirror image and regions left to right, right and left ids changing places."""
    image, regions = face
    return np.ascontiguousarray(image[:, ::-1]), mirror_regions(regions)


def borrow(face: Cut, donor: Cut, draw: Draw) -> Cut:
    """Put the donor's glasses or headwear, where it has some, onto the face; aligned faces need no further fitting."""
    worn = np.isin(donor[1], [r for r in _BORROWED if draw.random() < 0.5])
    alpha = _soft(worn, 0.7)
    return _blend(face[0], donor[0], alpha), np.where(worn, donor[1], face[1])


def replace_background(image: UInt8Array, regions: UInt8Array, donor: UInt8Array, draw: Draw) -> UInt8Array:
    """Fill class background anew: one colour, clouds, the donor's picture blurred, or clouds of the hair's own colour.

    The last is for dark hair on dark ground, where a parser errs most.
    """
    hair = image[regions == Region.HAIR]
    if len(hair) and draw.random() < 0.3:
        backdrop = _clouds(image.shape[0], np.median(hair, axis=0), float(draw.uniform(2, 20)), draw)
    else:
        backdrop = _backdrop(image.shape[0], donor, draw)
    return _blend(image, backdrop, _soft(regions == Region.BACKGROUND, 0.7))


def occlude(face: Cut, donor: UInt8Array, draw: Draw) -> Cut:
    """Lay an ellipse or polygon over the face; what it hides is ignored."""
    size = face[1].shape[0]
    centre, radius = draw.uniform(0.15, 0.85, 2) * size, draw.uniform(0.04, 0.16) * size
    angles = np.sort(draw.uniform(0, 2 * np.pi, draw.integers(3, 12)))
    radii = radius * draw.uniform(0.6, 1.6, len(angles))
    outline = centre + np.stack((np.cos(angles), np.sin(angles)), axis=1) * radii[:, None]
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [outline.round().astype(np.int32)], 1)
    image = _blend(face[0], _backdrop(size, donor, draw), _soft(mask.astype(bool), 0.5))
    return image, np.where(mask == 1, np.uint8(IGNORE), face[1])


def warp(image: UInt8Array, regions: UInt8Array, draw: Draw) -> tuple[UInt8Array, UInt8Array]:
    """From the crop to the network's 112x112: rotation, scale, stretch, shear, shift, and a smooth bending.

    The bending changes the shape of face and hair, of which a small data set has too few.
    """
    centre = (ALIGNED_SIZE - 1) / 2
    angle, shear = np.deg2rad(draw.normal(0, 9)), draw.normal(0, 0.05)
    scale = np.exp(draw.normal(0, 0.08) + np.array((1, -1)) * draw.normal(0, 0.05))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    inverse = np.linalg.inv(turn @ np.array([[1, shear], [0, 1]]) @ np.diag(scale))
    shift = draw.normal(0, 3, 2)
    grid = np.stack(np.meshgrid(np.arange(ALIGNED_SIZE), np.arange(ALIGNED_SIZE)), axis=-1).astype(np.float64)
    xy = (grid - centre - shift) @ inverse.T + centre
    xy = xy @ TO_CROP[:2, :2].T + TO_CROP[:2, 2]
    if draw.random() < 0.7:
        xy += _smooth_noise(ALIGNED_SIZE, int(draw.integers(3, 7)), 2, draw) * draw.uniform(0, 2.5) * CROP_SCALE
    x, y = np.moveaxis(xy.astype(np.float32), -1, 0)
    bent = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    labels = cv2.remap(regions, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=(IGNORE,))
    return np.asarray(bent, np.uint8), np.asarray(labels, np.uint8)


def recolour(image: UInt8Array, donor: UInt8Array, draw: Draw) -> UInt8Array:
    """Light and colour: the donor's colour statistics, gain and gamma, saturation, a lamp from one side, grey."""
    x = image.astype(np.float32) / 255
    if draw.random() < 0.25:
        share = np.float32(draw.uniform(0.3, 1))
        mean, std = x.mean((0, 1)), x.std((0, 1)) + 0.02
        other = donor.astype(np.float32) / 255
        moved = (x - mean) / std * (other.std((0, 1)) + 0.02) + other.mean((0, 1))
        x = (1 - share) * x + share * moved
    if draw.random() < 0.3:
        lamp = _smooth_noise(image.shape[0], 2, 1, draw).astype(np.float32)
        x = x * np.exp(lamp * np.float32(draw.uniform(0.1, 0.5)))
    x = x * np.exp(draw.normal(0, 0.15) + draw.normal(0, 0.06, 3)).astype(np.float32)
    contrast, offset = np.exp(draw.normal(0, 0.15)), draw.normal(0, 0.05)
    x = (x - x.mean()) * np.float32(contrast) + x.mean() + np.float32(offset)
    grey = x @ np.array([0.299, 0.587, 0.114], np.float32)
    saturation = 0.0 if draw.random() < 0.08 else np.exp(draw.normal(0, 0.25))
    x = grey[..., None] + (x - grey[..., None]) * np.float32(saturation)
    x = np.clip(x, 0, 1) ** np.float32(np.exp(draw.normal(0, 0.2)))
    return np.asarray(x * 255 + 0.5, np.uint8)


def degrade(image: UInt8Array, draw: Draw) -> UInt8Array:
    """What cameras and codecs do: blur, low resolution, noise, JPEG; each seldom, so that most faces stay sharp."""
    size = image.shape[0]
    if draw.random() < 0.15:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), draw.uniform(0.3, 1.5)), np.uint8)
    if draw.random() < 0.12:
        small = int(size * draw.uniform(0.3, 0.9))
        image = np.asarray(cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA), np.uint8)
        image = np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)
    if draw.random() < 0.25:
        noise = draw.standard_normal(image.shape, np.float32) * np.float32(draw.uniform(1, 12))
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if draw.random() < 0.2:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(draw.integers(25, 95))]
        image = np.asarray(cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR), np.uint8)
    return image


def cut_off(image: UInt8Array, regions: UInt8Array, draw: Draw) -> tuple[UInt8Array, UInt8Array]:
    """End the picture at one or two straight edges; beyond them it is black, as the align stage leaves it.

    The black is background. Without it a parser takes the black for dark hair or a hat.
    """
    centre = (ALIGNED_SIZE - 1) / 2
    y, x = np.mgrid[:ALIGNED_SIZE, :ALIGNED_SIZE] - centre
    turn = np.deg2rad(draw.normal(0, 12))
    inside = np.ones_like(regions, bool)
    for side in draw.choice(4, int(draw.integers(1, 3)), replace=False):
        angle = turn + side * np.pi / 2
        inside &= x * np.cos(angle) + y * np.sin(angle) < draw.uniform(0.5, 1) * centre
    return image * inside[..., None], np.where(inside, regions, np.uint8(Region.BACKGROUND))


def _backdrop(size: int, donor: UInt8Array, draw: Draw) -> UInt8Array:
    kind = draw.integers(4)
    if kind == 0:
        return np.full((size, size, 3), draw.integers(0, 256, 3), np.uint8)
    if kind == 1:
        turned = np.rot90(donor, int(draw.integers(4)))
        return np.asarray(cv2.GaussianBlur(np.ascontiguousarray(turned), (0, 0), draw.uniform(0.5, 12)), np.uint8)
    return _clouds(size, draw.uniform(20, 235, 3), float(draw.uniform(10, 80)), draw)


def _clouds(size: int, colour: NDArray[np.float64], contrast: float, draw: Draw) -> UInt8Array:
    clouds = _smooth_noise(size, int(draw.integers(2, 24)), 3, draw) * contrast
    return np.clip(colour + clouds, 0, 255).astype(np.uint8)


def _smooth_noise(size: int, knots: int, depth: int, draw: Draw) -> NDArray[np.float64]:
    """(size, size, depth) of cubic-interpolated N(0, 1) knots, without a last axis of one."""
    coarse = draw.standard_normal((knots, knots, depth))
    out = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(out, np.float64).reshape(size, size, depth)


def _soft(mask: NDArray[np.bool_], sigma: float) -> NDArray[np.float32]:
    """A mask with an edge as soft as a camera's: (H, W) to (H, W, 1) in [0, 1]."""
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma * CROP_SCALE), np.float32)[..., None]


def _blend(under: UInt8Array, over: UInt8Array, alpha: NDArray[np.float32]) -> UInt8Array:
    return np.asarray(under * (1 - alpha) + over * alpha + 0.5, np.uint8)

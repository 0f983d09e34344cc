"""Small pictures of faces, as data URIs that a page carries in itself."""

import base64

import cv2
import numpy as np

from faceshards.maps import COLOURS
from faceshards.records import UInt8Array
from faceshards.regions import IGNORE

WEBP = "data:image/webp;base64,"

_WEBP_QUALITY = 85
_OVERLAY_PERCENT = 65
_WRONG_RGB = (230, 30, 60)


def region_overlay(image: UInt8Array, regions: UInt8Array) -> UInt8Array:
    """The palette's colours over the face; ignored pixels are white. (H, W, 3) and (H, W) uint8 to (H, W, 3) uint8."""
    blend = image.astype(np.uint16) * (100 - _OVERLAY_PERCENT) + COLOURS[regions].astype(np.uint16) * _OVERLAY_PERCENT
    return (blend // 100).astype(np.uint8)


def difference(image: UInt8Array, regions: UInt8Array, truth: UInt8Array) -> UInt8Array:
    """The face in pale grey, with red where the region is not the true one. Shapes as `region_overlay`."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) // 2 + 96
    out = np.repeat(grey[..., None], 3, axis=2)
    out[(truth != IGNORE) & (regions != truth)] = _WRONG_RGB
    return np.asarray(out, np.uint8)


def data_uri(image: UInt8Array) -> str:
    """A (H, W, 3) uint8 RGB picture as WebP; the same pixels give the same text."""
    return f"{WEBP}{encoded(image)}"


def encoded(image: UInt8Array) -> str:
    """What follows `WEBP` in a picture's data URI: base64."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, _WEBP_QUALITY])
    return base64.b64encode(data.tobytes()).decode()

"""Faces side by side, as one small picture in a notebook."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import cv2
import numpy as np
from IPython.display import Image
from numpy.typing import NDArray

UInt8Array: TypeAlias = NDArray[np.uint8]

_GAP, _TEXT_WIDTH, _JPEG_QUALITY = 4, 150, 75


def contact_sheet(rows: Mapping[str, Sequence[UInt8Array] | UInt8Array]) -> Image:
    """A row of faces for each entry, its name at the left.

    Args:
        rows: name to (H, W, 3) uint8 RGB pictures, all of one size; as many in each row, or fewer.

    Returns:
        A JPEG that a notebook shows and keeps.

    Raises:
        ValueError: no pictures, or pictures of different sizes.
    """
    shapes = {picture.shape for row in rows.values() for picture in row}
    if len(shapes) != 1:
        raise ValueError(f"expected pictures of one size, found {sorted(shapes)}")
    height, width, _ = shapes.pop()
    columns = max(len(row) for row in rows.values())
    sheet = np.full((len(rows) * (height + _GAP), _TEXT_WIDTH + columns * (width + _GAP), 3), 255, np.uint8)
    for (name, row), top in zip(rows.items(), range(0, len(sheet), height + _GAP), strict=True):
        cv2.putText(sheet, name, (4, top + height // 2), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
        for picture, left in zip(row, range(_TEXT_WIDTH, sheet.shape[1], width + _GAP), strict=False):
            sheet[top : top + height, left : left + width] = picture
    _, jpeg = cv2.imencode(".jpg", sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return Image(jpeg.tobytes(), format="jpeg")

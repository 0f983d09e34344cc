"""Pictures of faces that dropped out, read from the source while it can still be read."""

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa

from faceshards.build.planfile import Plan
from faceshards.build.source import read_note
from faceshards.errors import BadSampleError, FaceShardsError
from faceshards.ops.align import ALIGNED_SIZE
from faceshards.records import UInt8Array
from faceshards.source.base import Source
from faceshards.source.decode import decode_picture


class Originals:
    """The source's own images, by place in the manifest.

    Args:
        source: the folder that the stage `download` left.
        plan: the folder that the stage `plan` left.

    Raises:
        FaceShardsError, OSError: the source or the plan can't be opened.

    Example:
        >>> Originals(Path("data/source"), Path("data/plan")).picture("train", 7, "alice/3")
    """

    def __init__(self, source: Path, plan: Path) -> None:
        self._plan = Plan.open(plan)
        self._source: Source = read_note(source).open(source)

    @classmethod
    def of(cls, source: Path | None, plan: Path | None) -> "Originals | None":
        """The images of a source that may have gone since; None where it can't be opened."""
        if source is None or plan is None:
            return None
        try:
            return cls(source, plan)
        except (FaceShardsError, OSError):
            return None

    def picture(self, split: str, row: int, sample_id: str) -> UInt8Array | None:
        """The image of a face, made as small as an aligned one: (h, w, 3) uint8, its longer side 112 pixels at most.

        None where it can't be decoded, or where the source no longer has that face as it was planned.
        """
        planned = self._planned(split, row)
        if planned is None or planned["sample_id"][0].as_py() != sample_id:
            return None
        index = planned["source_index"][0].as_py()
        try:
            if index >= len(self._source) or self._source.digest(index) != planned["digest"][0].as_py():
                return None
            image, _ = decode_picture(self._source.image_bytes(index), sample_id)
        except (BadSampleError, OSError):
            return None
        return _small(image)

    def _planned(self, split: str, row: int) -> pa.Table | None:
        if split not in self._plan.splits:
            return None
        found = self._plan.faces(split, row, row + 1)
        return found if found.num_rows else None


def _small(image: UInt8Array) -> UInt8Array:
    height, width = image.shape[:2]
    scale = min(ALIGNED_SIZE / max(height, width), 1.0)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)

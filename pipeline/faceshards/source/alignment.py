"""How an image of a source is aligned: by its landmarks, by a detector's points, or not at all."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from faceshards.counted import counted
from faceshards.errors import BadSampleError, ParamsError
from faceshards.ops.align import ALIGNED_SIZE, similarity, warp_image
from faceshards.records import Float32Array, UInt8Array
from faceshards.source.detect import Detector, DetectorName, load_detector

AlignerName: TypeAlias = Literal["auto", "none"] | DetectorName
"""How an image without landmarks is aligned.

``"auto"``: one of 112x112 pixels is taken as it is, and the face mesh finds the face of any other. ``"none"``: one of
112x112 pixels is taken as it is, and any other is refused. The name of a detector: it finds the face, in images of
112x112 pixels too."""


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Where the face of an image lies.

    Attributes:
        matrix: (2, 3) float64, as `faceshards.ops.align.similarity`; None where the image is aligned already.
        remark: ``"several_faces: ..."`` where a detector had to choose, else None.
    """

    matrix: NDArray[np.float64] | None
    remark: str | None = None

    def apply(self, image: UInt8Array) -> UInt8Array:
        """The (H, W, 3) uint8 image as (112, 112, 3), aligned.

        Raises:
            BadSampleError: less than half of the aligned square lies inside the image.
        """
        return image if self.matrix is None else warp_image(image, self.matrix)

    def size_and_roll(self) -> tuple[float, float]:
        """How large the face is in the image, and how it is tilted.

        Returns:
            The side of the aligned square in pixels of the image, and the degrees by which the face is tilted
            clockwise, -180 to 180; each rounded to two digits. An image that is aligned already has 112 and 0.
        """
        if self.matrix is None:
            return float(ALIGNED_SIZE), 0.0
        across, down = float(self.matrix[0, 0]), float(self.matrix[1, 0])
        roll = round(-math.degrees(math.atan2(down, across)), 2)
        return round(ALIGNED_SIZE / math.hypot(across, down), 2), roll + 0.0  # which makes 0 of -0


class Aligner:
    """Says how an image is aligned. Landmarks always decide where there are any.

    Args:
        name: see `AlignerName`.
        yunet_model: for the detector ``"yunet"``.

    Raises:
        MissingExtraError, ParamsError, WeightsNotFoundError, WeightsError: as `faceshards.source.detect.load_detector`.

    Example:
        >>> alignment = Aligner("auto")(image, None)
        >>> face = alignment.apply(image)  # (112, 112, 3) uint8 RGB
    """

    def __init__(self, name: AlignerName = "auto", yunet_model: Path | None = None) -> None:
        if name == "none" and yunet_model is not None:
            raise ParamsError(f"detector 'none' looks for no face; leave out {yunet_model}, which only yunet takes")
        self._trusts_size = name in ("auto", "none")
        self._detect: Detector | None = None
        if name != "none":
            self._detect = load_detector("mesh" if name == "auto" else name, yunet_model)

    def __call__(self, image: UInt8Array, landmarks: Float32Array | None) -> Alignment:
        """Find out how an image is aligned.

        Args:
            image: (H, W, 3) uint8 RGB.
            landmarks: (70, 2) or (5, 2), as `Source.landmarks`; None where there are none.

        Raises:
            BadSampleError: neither landmarks nor a detector, no face found, or points that fit no face.
        """
        if landmarks is not None:
            return Alignment(similarity(landmarks))
        if self._trusts_size and image.shape[:2] == (ALIGNED_SIZE, ALIGNED_SIZE):
            return Alignment(None)
        size = f"{image.shape[1]}x{image.shape[0]} pixels"
        if self._detect is None:
            raise BadSampleError(
                "no_landmarks",
                f"the image has {size} and no landmarks: set a detector (align.detector, or --detector), or give a "
                "table of landmarks (source.landmarks, or --landmarks)",
            )
        found = self._detect(image)
        if found is None:
            raise BadSampleError("no_face_found", f"the detector found no face in the image of {size}")
        several = f"several_faces: the largest of {counted(found.faces, 'face')} in the image was taken"
        return Alignment(similarity(found.points, ordered=True), several if found.faces > 1 else None)

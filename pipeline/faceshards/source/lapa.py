"""LaPa (Liu et al., AAAI 2020): photographs with masks of 11 classes and 106 landmarks, as published."""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceshards.counted import counted
from faceshards.errors import BadSampleError, SourceFormatError
from faceshards.records import Float32Array, UInt8Array
from faceshards.regions import IGNORE, CoarseRegion
from faceshards.source.decode import check_class_ids, decode_labels
from faceshards.source.files import FolderFiles, zip_files
from faceshards.source.labelledphotos import LabelledPhotos, Photo, classes, is_hidden
from faceshards.source.names import composed, shown
from faceshards.source.orientation import refuse_turned

SPLITS, KINDS = ("train", "val", "test"), ("images", "labels", "landmarks")
_IMAGE = re.compile(r"((?:.*/)?)images/([^/]+)\.(?:jpg|jpeg|png)", re.I)

_COARSE = (
    # Ears, neck and clothes are background too, so that it tells nothing.
    *(IGNORE, CoarseRegion.SKIN),
    # The data set's left is the viewer's, as the coarse classes' is.
    *(CoarseRegion.LEFT_BROW, CoarseRegion.RIGHT_BROW, CoarseRegion.LEFT_EYE, CoarseRegion.RIGHT_EYE),
    CoarseRegion.NOSE,
    *(CoarseRegion.TOP_LIP, CoarseRegion.MOUTH_INTERIOR, CoarseRegion.BOTTOM_LIP, CoarseRegion.HAIR),
)

_N_POINTS = 106
_MOST_BYTES = 2**16
_FIVE = (104, 105, 54, 84, 90)
"""Of the 106 points: the pupils, the nose tip, the mouth corners, each from the viewer's left."""


class LaPa(LabelledPhotos):
    """LaPa's photographs, in a folder or in a zip that is read in place.

    The folder holds ``train``, ``val`` and ``test``, or is one of them. Each holds ``images/NAME.jpg``,
    ``labels/NAME.png`` with class ids 0 to 10, and ``landmarks/NAME.txt`` with a line ``106`` and as many of ``x y``.
    Sample ids are paths without the folder ``images``: ``"train/10009865324_0"``.

    `landmarks` are five of the 106. `truth` is in FaceSynthetics' coarse classes; LaPa's background, in which ears,
    neck and clothes are, becomes 255 (ignore).

    Args:
        path: the folder, or the zip.

    Raises:
        SourceNotFoundError: the path is not there.
        SourceFormatError: it holds no such photographs.

    Example:
        >>> source = LaPa(Path("LaPa"))
        >>> source.landmarks(0).shape
        (5, 2)
    """

    name = "lapa"

    def __init__(self, path: Path) -> None:
        files = FolderFiles(path) if path.is_dir() else zip_files(path)
        photos = _photos(files.names)
        if not any(photo.labels and photo.points for photo in photos):
            raise SourceFormatError(
                f"{path}: expected LaPa: train/images/NAME.jpg with train/labels/NAME.png and "
                "train/landmarks/NAME.txt; found no image with both"
            )
        super().__init__(path, files, photos)

    def coarse(self, photo: Photo) -> UInt8Array:
        """See `LabelledPhotos.coarse`."""
        (name,) = photo.labels
        ids = decode_labels(self.files.read(name), self._what(name), palette=True)
        return classes(_COARSE, check_class_ids(ids, len(_COARSE), self._what(name)))

    def across(self, photo: Photo, labels: UInt8Array) -> NDArray[np.float64]:
        """See `LabelledPhotos.across`; from pupil to pupil."""
        points = self._five(photo)
        return super().across(photo, labels) if points is None else (points[1] - points[0]).astype(np.float64)

    def landmarks(self, index: int) -> Float32Array | None:
        """See `Source.landmarks`; (5, 2)."""
        photo = self._photos[index]
        if photo.points is not None:
            refuse_turned(self.files.read(photo.image), self._what(photo.image), "landmarks")
        return self._five(photo)

    def _five(self, photo: Photo) -> Float32Array | None:
        name = photo.points
        return None if name is None else parse_points(self.files.read(name), self._what(name))[[*_FIVE]]


def is_lapa(names: Iterable[str]) -> bool:
    """Whether files are laid out as LaPa's: at least one image with labels and landmarks."""
    return any(photo.labels and photo.points for photo in _photos(names))


def parse_points(data: bytes, what: str) -> Float32Array:
    """Parse a file of LaPa's landmarks: a line ``106``, and 106 lines of ``x y`` in pixels.

    Returns:
        (106, 2) float32.

    Raises:
        BadSampleError: ``"malformed_landmarks"``.
    """
    if len(data) > _MOST_BYTES:
        raise BadSampleError(
            "malformed_landmarks", f"{what}: expected {_N_POINTS} points; found {counted(len(data), 'byte')}"
        )
    try:
        numbers = np.array(data.decode("ascii").split(), np.float32)
    except ValueError as error:
        raise BadSampleError("malformed_landmarks", f"{what}: expected numbers; {error}") from error
    if numbers.shape != (1 + 2 * _N_POINTS,) or numbers[0] != _N_POINTS or not np.isfinite(numbers).all():
        raise BadSampleError(
            "malformed_landmarks",
            f"{what}: expected a line {_N_POINTS} and as many of x y, finite numbers; found "
            f"{counted(len(numbers), 'number')}",
        )
    return numbers[1:].reshape(_N_POINTS, 2)


def _photos(names: Iterable[str]) -> list[Photo]:
    visible = sorted(name for name in names if not is_hidden(name))
    by_form = {composed(name): name for name in visible}
    photos = []
    for name in visible:
        if match := _IMAGE.fullmatch(name):
            labels, points = (
                by_form.get(composed(f"{match[1]}{kind}/{match[2]}.{suffix}"))
                for kind, suffix in (("labels", "png"), ("landmarks", "txt"))
            )
            photos.append(
                Photo(
                    composed(shown(match[1] + match[2])),
                    name,
                    (labels,) if labels is not None else (),
                    points,
                )
            )
    return photos

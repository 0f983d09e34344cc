"""Landmarks from a CSV table, for faces whose source has none or has worse ones."""

from pathlib import Path

import numpy as np

from faceshards.errors import SourceFormatError, SourceNotFoundError
from faceshards.records import Float32Array
from faceshards.source.base import Source
from faceshards.source.csvtable import CsvTable, parse_csv
from faceshards.source.fingerprint import Fingerprints
from faceshards.source.overlay import Overlay


def _columns(n_points: int) -> tuple[str, ...]:
    return tuple(f"{axis}{i}" for i in range(1, n_points + 1) for axis in "xy")


FIVE_POINTS = _columns(5)
"""``x1,y1,...,x5,y5``: right eye, left eye, nose tip, right mouth corner, left mouth corner; the person's right."""

SEVENTY_POINTS = _columns(70)
"""``x1,y1,...,x70,y70``: iBUG 68 in their order, then the right and the left pupil, as in FaceSynthetics."""


class WithLandmarks(Overlay):
    """A source whose landmarks come from a table where it has a row for the face, and from the source elsewhere.

    Args:
        source: the faces.
        path: a CSV table with the columns ``sample_id`` and `FIVE_POINTS` or `SEVENTY_POINTS`, in pixels of the image
            (x right, y down). Only a header is an empty table. Rows of faces that the source lacks do no harm.

    Raises:
        SourceNotFoundError: there is no table.
        SourceFormatError: it is not such a table, or none of its rows is of a face of the source.
    """

    def __init__(self, source: Source, path: Path) -> None:
        self._points = read_landmarks(path)
        super().__init__(source, path, files=(path,))
        names = (source.face(i).sample_id for i in range(len(source)))
        if self._points and len(source) and not any(name in self._points for name in names):
            raise SourceFormatError(
                f"{path}: expected sample ids of the source, such as {source.face(0).sample_id!r}; found none of them, "
                f"but {next(iter(self._points))!r}; name each face as the source does"
            )

    def fingerprints(self, index: int) -> Fingerprints:
        """See `Source.fingerprints`; points of the table are told by their values."""
        parts = self._source.fingerprints(index)
        points = self._points.get(self.face(index).sample_id)
        return parts if points is None else parts._replace(landmarks=points.astype("<f4").tobytes())

    def landmarks(self, index: int) -> Float32Array | None:
        """See `Source.landmarks`."""
        points = self._points.get(self.face(index).sample_id)
        return self._source.landmarks(index) if points is None else points.copy()


def read_landmarks(path: Path) -> dict[str, Float32Array]:
    """Read the table that `WithLandmarks` describes.

    Returns:
        (5, 2) or (70, 2) float32 by sample id.

    Raises:
        SourceNotFoundError: there is no table.
        SourceFormatError: it is not such a table.
    """
    if not path.is_file():
        raise SourceNotFoundError(f"{path}: expected a CSV table of landmarks; found none; check the path")
    table = parse_csv(path.read_bytes(), str(path), required=("sample_id", *FIVE_POINTS))
    columns = SEVENTY_POINTS if set(SEVENTY_POINTS) <= set(table.header) else FIVE_POINTS
    surplus = set(table.header) - {"sample_id", *columns}
    if surplus:
        raise SourceFormatError(
            f"{path}: expected the columns sample_id and x1,y1 to x5,y5 or x70,y70; found also "
            + ", ".join(sorted(surplus))
        )
    points = _points(table, columns)
    return dict(zip(table.unique("sample_id"), points.reshape(-1, len(columns) // 2, 2), strict=True))


def _points(table: CsvTable, columns: tuple[str, ...]) -> Float32Array:
    at = [table.header.index(name) for name in columns]
    points = np.empty((len(table.rows), len(columns)), np.float32)
    for number, row in enumerate(table.rows):
        try:
            points[number] = [float(row[i]) for i in at]
        except ValueError as error:
            raise SourceFormatError(f"{table.what}: row {number + 1}: expected numbers; {error}") from error
    if not np.isfinite(points).all():
        number = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise SourceFormatError(f"{table.what}: row {number + 1}: expected finite numbers; found NaN or infinity")
    return points

"""Landmarks from a CSV table, for faces whose source has none or has worse ones."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np

from faceshards.counted import counted
from faceshards.errors import BadSampleError, SourceFormatError, SourceNotFoundError
from faceshards.ops.align import POINT_ORDER, five_points, order_fault, similarity
from faceshards.records import Float32Array
from faceshards.source.base import Source
from faceshards.source.csvtable import CsvTable, parse_csv
from faceshards.source.fingerprint import Fingerprints
from faceshards.source.names import Matched, shown
from faceshards.source.overlay import Overlay


def _columns(n_points: int) -> tuple[str, ...]:
    return tuple(f"{axis}{i}" for i in range(1, n_points + 1) for axis in "xy")


FIVE_POINTS = _columns(5)
"""``x1,y1,...,x5,y5``: right eye, left eye, nose tip, right mouth corner, left mouth corner; the person's right."""

SEVENTY_POINTS = _columns(70)
"""``x1,y1,...,x70,y70``: iBUG 68 in their order, then the right and the left pupil, as in FaceSynthetics."""

Row: TypeAlias = Float32Array | BadSampleError
"""What a table says of a face: (5, 2) or (70, 2) float32, or what is wrong with its row."""

_FEW, _MANY = 3, 1000
"""So many rows tell another order of the points; no more are looked at."""
_NOSE_REACH = (0.2, 0.85)
"""How far down from the eyes to the mouth the nose tip lies in 68 of 71 FaceSynthetics frames: 0 to 1."""


class WithLandmarks(Overlay):
    """A source whose landmarks come from a table where it has a row for the face, and from the source elsewhere.

    A row that gives no points, as of a detector that found no face, is a bad sample of that one face: its landmarks
    raise. Names are matched whatever Unicode form they are in, see `Matched`.

    Args:
        source: the faces.
        path: a CSV table with the columns ``sample_id`` and `FIVE_POINTS` or `SEVENTY_POINTS`, in pixels of the image
            (x right, y down). Only a header is an empty table. Rows of faces that the source lacks do no harm, and
            `warnings` tells of them.

    Raises:
        SourceNotFoundError: there is no table.
        SourceFormatError: it is not such a table, all of its rows are bad, the points of most are in another order, or
            none of its rows is of a face of the source.
    """

    def __init__(self, source: Source, path: Path) -> None:
        self._path = path
        self._rows = read_landmarks(path)
        super().__init__(source, path, files=(path,))
        self._matched = Matched(self._rows, _ids(source))
        if self._rows and len(source) and not any(self._matched.find(name) for name in _ids(source)):
            raise SourceFormatError(
                f"{path}: expected sample ids of the source, such as {source.face(0).sample_id!r}; found none of them, "
                f"but {next(iter(self._rows))!r}; name each face as the source does"
            )

    @property
    def warnings(self) -> tuple[str, ...]:
        """See `faceshards.source.base.warnings_of`; rows that name no face. All names are looked at."""
        found = {row for name in _ids(self._source) if (row := self._matched.find(name)) is not None}
        lost = [name for name in self._rows if name not in found]
        said = (
            f"source.landmarks: no face of the source is named by {len(lost)} of {counted(len(self._rows), 'row')}, "
            f"such as {(lost or [''])[0]!r}, and these are not used; no row is there for {len(self) - len(found)} of "
            f"{counted(len(self), 'face')}; the source names its faces as {self.face(0).sample_id!r}",
        )
        return super().warnings + (said if lost else ())

    def fingerprints(self, index: int) -> Fingerprints:
        """See `Source.fingerprints`; points of the table are told by their values, a bad row by what is said of it."""
        parts = self._source.fingerprints(index)
        row = self._row(index)
        if row is None:
            return parts
        told = str(self._told(row)).encode() if isinstance(row, BadSampleError) else row.astype("<f4").tobytes()
        return parts._replace(landmarks=told)

    def landmarks(self, index: int) -> Float32Array | None:
        """See `Source.landmarks`."""
        row = self._row(index)
        if isinstance(row, BadSampleError):
            raise self._told(row)
        return self._source.landmarks(index) if row is None else row.copy()

    def _told(self, row: BadSampleError) -> BadSampleError:
        return BadSampleError(row.reason, f"{shown(self._path.name)}: {row.detail}")

    def _row(self, index: int) -> Row | None:
        name = self._matched.find(self.face(index).sample_id)
        return None if name is None else self._rows[name]


def read_landmarks(path: Path) -> dict[str, Row]:
    """Read the table that `WithLandmarks` describes.

    Returns:
        By sample id: (5, 2) or (70, 2) float32; or a `BadSampleError` that says what is wrong with the row.

    Raises:
        SourceNotFoundError: there is no table.
        SourceFormatError: it is not such a table, all of its rows are bad, or the points of most are in another order.
    """
    if not path.is_file():
        raise SourceNotFoundError(f"{path}: expected a CSV table of landmarks; found none; check the path")
    table = parse_csv(path.read_bytes(), str(path), required=("sample_id", *FIVE_POINTS), ragged=True)
    columns = SEVENTY_POINTS if set(SEVENTY_POINTS) <= set(table.header) else FIVE_POINTS
    surplus = set(table.header) - {"sample_id", *columns}
    if surplus:
        raise SourceFormatError(
            f"{path}: expected the columns sample_id and x1,y1 to x5,y5 or x70,y70; found also "
            + ", ".join(sorted(surplus))
        )
    rows = _rows(table, columns)
    bad = [row for row in rows.values() if isinstance(row, BadSampleError)]
    if bad and len(bad) == len(rows):
        raise SourceFormatError(f"{path}: expected a face's points in each row; found none in any: {bad[0].detail}")
    _refuse_other_order(path, rows)
    return rows


def _rows(table: CsvTable, columns: tuple[str, ...]) -> dict[str, Row]:
    name_at = table.header.index("sample_id")
    at = [table.header.index(name) for name in columns]
    rows: dict[str, Row] = {}
    for line, values in zip(table.lines, table.rows, strict=True):
        name = values[name_at] if name_at < len(values) else ""
        row = _points(line, values, len(table.header), at)
        if name in rows and not _same(rows[name], row):
            row = BadSampleError("malformed_landmarks", f"line {line}: {name!r} has two rows that differ; keep one")
        rows[name] = row
    return rows


def _ids(source: Source) -> Iterator[str]:
    return (source.face(index).sample_id for index in range(len(source)))


def _points(line: int, values: Sequence[str], length: int, at: Sequence[int]) -> Row:
    if len(values) != length:
        return BadSampleError(
            "malformed_landmarks", f"line {line} has {counted(len(values), 'value')}; expected {length}"
        )
    try:
        points = np.array([float(values[i]) for i in at], np.float32)
    except ValueError as error:
        return BadSampleError("malformed_landmarks", f"line {line}: expected numbers; {error}")
    if not np.isfinite(points).all():
        return BadSampleError("malformed_landmarks", f"line {line}: expected finite numbers; found NaN or infinity")
    return points.reshape(-1, 2)


def _same(one: Row, other: Row) -> bool:
    if isinstance(one, BadSampleError) or isinstance(other, BadSampleError):
        return isinstance(one, BadSampleError) and isinstance(other, BadSampleError)
    return np.array_equal(one, other)


def _refuse_other_order(path: Path, rows: Mapping[str, Row]) -> None:
    """Refuse a table whose points are in another order, which single rows may hide.

    Raises:
        SourceFormatError: in most rows two points are exchanged, or the points of most fit no face.
    """
    points = [five_points(row) for row in rows.values() if not isinstance(row, BadSampleError)]
    points = [face for face in points[:: max(1, len(points) // _MANY)] if np.ptp(face) > 1]
    if len(points) < _FEW:
        return
    faults = Counter(fault for face in points if (fault := order_fault(face)) is not None)
    if faults.total() > len(points) / 2:
        raise SourceFormatError(
            f"{path}: expected {POINT_ORDER}; found {faults.most_common(1)[0][0]} exchanged, and such faults in "
            f"{faults.total()} of {counted(len(points), 'row')}; put the columns into this order"
        )
    strange = sum(not _like_a_face(face) for face in points)
    if strange > len(points) / 2:
        raise SourceFormatError(
            f"{path}: expected {POINT_ORDER}; so the points fit no face in {strange} of "
            f"{counted(len(points), 'row')}; put the columns into this order, as x1,y1,x2,y2 and so on, in pixels"
        )


def _like_a_face(face: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> bool:
    try:
        similarity(face)
    except BadSampleError:
        return False
    eyes = (face[0] + face[1]) / 2
    down = (face[3] + face[4]) / 2 - eyes
    return _NOSE_REACH[0] < float((face[2] - eyes) @ down / (down @ down)) < _NOSE_REACH[1]

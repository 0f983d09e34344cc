"""Faces of an image, each with its mesh of 468 points."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from faceshards.errors import BadSampleError
from faceshards.facemesh.networks import DETECTOR_SIZE, MESH_SIZE, FaceDetectorNet, MeshNet
from faceshards.facemesh.windows import Picture, Window
from faceshards.records import Float64Array, UInt8Array

# MediaPipe's own numbers.
_SURE = 0.5
_SAME_FACE = 0.3
_MESH_MARGIN = 1.5
_RIGHT_EYE_CORNER, _LEFT_EYE_CORNER = 33, 263

_SURELY_UPRIGHT = 0.85
"""So sure is the detector of no face that is upside down in the way it looks: at most 0.81 of 67 (0.83 and more of
the same faces upright)."""

_FACE_MARGIN = 1.3
_LOOKS = 4  # more only go round in circles
_QUARTERS = tuple(np.pi / 2 * k for k in range(4))
_ZOOMED_OUT = 1.75

_TURNS_NO_FURTHER = np.deg2rad(2)
_LAYS = 12
"""On a face that lies on its side the first mesh is turned half the way, and each that follows a little further."""

_LEAST_FACE, _LEAST_WINDOW = 24, 96
"""Edges in pixels; a face in a narrower image, or that only a smaller window would show, is too small to be of use."""

_LONGEST = 8
"""An image that is longer than this many times its shorter edge is looked at in fewer and larger windows."""


@dataclass(frozen=True, slots=True, eq=False)
class MeshFace:
    """A face that was found.

    Attributes:
        points: (468, 2) float64, pixels of the image (x right, y down) as MediaPipe counts them, up to half a pixel
            more than from the centre of the top left pixel; a point may lie outside of the image.
        presence: how sure the mesh network is that there is a face, 0 to 1.
    """

    points: Float64Array
    presence: float

    @property
    def area(self) -> float:
        """Of the upright box around the mesh, pixels."""
        return float(np.prod(np.ptp(self.points, axis=0)))


class FaceMesh:
    """Finds faces and lays MediaPipe's mesh of 468 points on them.

    Threads may share one; they take turns. The answer depends on the image alone, not on how many threads OpenCV has.

    Example:
        >>> faces = FaceMesh().find(image)  # (H, W, 3) uint8 RGB
        >>> faces[0].points[4]  # the tip of the nose of the largest face, x and y in pixels
    """

    def __init__(self) -> None:
        self._detect, self._lay = FaceDetectorNet(), MeshNet()
        self._turn = threading.Lock()

    def look(self, image: UInt8Array) -> list[MeshFace]:
        """Look once at the whole image, as MediaPipe's Face Mesh does it with a single image.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            The faces, the largest first. Small faces, and faces that are turned far in the image's plane, are missed or
            come out upright.

        Raises:
            BadSampleError: an image of another shape or dtype.
        """
        picture = _picture(image)
        with self._turn:
            return _apart([self._mesh(picture, place) for place, _ in self._places(picture, _whole(picture))])

    def find(self, image: UInt8Array) -> list[MeshFace]:
        """Look at the whole image, and again, turned and in parts, where that finds nothing.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            The faces, the largest first, of the first of these ways that finds any: the whole image; the whole image
            turned by 90, 180 and 270 degrees, and with a border about it, for faces that it cuts; windows of half its
            shorter edge in four turns; windows of a quarter. A face that the detector is not quite sure of is looked
            at again in four turns. The mesh is laid twice: the second time on the window that the first one gives; of a
            face that the detector is not quite sure of, until it turns no further.

        Raises:
            BadSampleError: an image of another shape or dtype.
        """
        picture = _picture(image)
        with self._turn:
            for windows in _ways(picture):
                places = [place for window in windows for place in self._places(picture, window)]
                if faces := _apart([face for place in places if (face := self._checked(picture, *place)) is not None]):
                    return faces
        return []

    def _places(self, picture: Picture, window: Window) -> Iterator[tuple[Window, float]]:
        """Where in a window the detector sees faces, each turned upright and with a margin about it; how sure it is."""
        scores, found = self._detect(picture.pixels(window, DETECTOR_SIZE, cv2.BORDER_CONSTANT))
        sure = scores >= _SURE
        matrix = window.to_image(DETECTOR_SIZE)
        for score, (centre, size, *key_points) in _merged(scores[sure], found[sure]):
            x, y = matrix[:, :2] @ centre + matrix[:, 2]
            across = matrix[:, :2] @ (key_points[1] - key_points[0])
            edge = _MESH_MARGIN * float(size.max()) * window.edge / DETECTOR_SIZE
            yield Window(float(x), float(y), edge, float(np.arctan2(across[1], across[0]))), score

    def _checked(self, picture: Picture, place: Window, score: float) -> MeshFace | None:
        """The face at a place; where the detector is not quite sure, the way up that it is surest of, or None."""
        if score >= _SURELY_UPRIGHT:
            return self._laid(picture, place)
        face = self._laid(picture, place, settled=True)
        for _ in range(_LOOKS):
            if face is None:
                return None
            about = _about(face.points)
            turned = [Window(about.x, about.y, _FACE_MARGIN * about.edge, about.angle + angle) for angle in _QUARTERS]
            seen = [(sure, -i, at) for i, window in enumerate(turned) for at, sure in self._places(picture, window)]
            if not seen:
                return None
            _, turns, place = max(seen, key=lambda of: of[:2])
            if turns == 0:
                return face
            face = self._laid(picture, place, settled=True)
        return None

    def _laid(self, picture: Picture, place: Window, settled: bool = False) -> MeshFace | None:
        """The face at a place, its mesh laid twice, or until it turns no further; None where there is none."""
        face = self._mesh(picture, place)
        for _ in range(_LAYS if settled else 1):
            if face.presence < _SURE:
                return None
            before, place = place, _about(face.points)
            face = self._mesh(picture, place)
            if abs(np.angle(np.exp(1j * (place.angle - before.angle)))) < _TURNS_NO_FURTHER:
                break
        return face if face.presence >= _SURE else None

    def _mesh(self, picture: Picture, place: Window) -> MeshFace:
        points, presence = self._lay(picture.pixels(place, MESH_SIZE, cv2.BORDER_REPLICATE))
        matrix = place.to_image(MESH_SIZE)
        return MeshFace(points @ matrix[:, :2].T + matrix[:, 2], presence)


@cache
def face_mesh() -> FaceMesh:
    """The one of this process."""
    return FaceMesh()


def _picture(image: UInt8Array) -> Picture:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise BadSampleError("bad_image", f"expected (H, W, 3) uint8 RGB, found {image.shape} {image.dtype}")
    return Picture(image)


def _whole(picture: Picture, zoom: float = 1.0, angle: float = 0.0) -> Window:
    return Window(picture.width / 2, picture.height / 2, zoom * max(picture.width, picture.height), angle)


def _ways(picture: Picture) -> Iterator[list[Window]]:
    yield [_whole(picture)]
    turned = [_whole(picture, angle=angle) for angle in _QUARTERS[1:]]
    yield turned + [_whole(picture, _ZOOMED_OUT, angle) for angle in _QUARTERS]
    shorter, longer = sorted((picture.width, picture.height))
    for parts in (2, 4) if shorter >= _LEAST_FACE else ():
        edge = max(shorter / parts, longer / (_LONGEST * parts))
        if edge >= _LEAST_WINDOW:
            places = [(x, y) for y in _steps(picture.height, edge) for x in _steps(picture.width, edge)]
            yield [Window(x, y, edge, angle) for x, y in places for angle in _QUARTERS]


def _steps(length: int, edge: float) -> Float64Array:
    """Centres of windows of `edge` that cover `length`, each half over the next."""
    n = max(2, int(np.ceil((length - edge) / (edge / 2))) + 1) if length > edge else 1
    return np.linspace(edge / 2, length - edge / 2, n)


def _about(points: Float64Array) -> Window:
    """The window of a face that has a mesh already, as MediaPipe takes it in the next picture of a film."""
    across = points[_LEFT_EYE_CORNER] - points[_RIGHT_EYE_CORNER]
    angle = float(np.arctan2(across[1], across[0]))
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    upright = points @ turn.T
    low, high = upright.min(axis=0), upright.max(axis=0)
    x, y = (low + high) / 2 @ turn
    return Window(float(x), float(y), _MESH_MARGIN * float((high - low).max()), angle)


def _apart(faces: list[MeshFace]) -> list[MeshFace]:
    """Those that are surely faces, each once, the largest first."""
    apart: list[MeshFace] = []
    for face in sorted(faces, key=lambda face: -face.presence):
        new = all(_overlap(_box(face.points), _box(other.points)[None])[0] <= _SAME_FACE for other in apart)
        if face.presence >= _SURE and new:
            apart.append(face)
    return sorted(apart, key=lambda face: -face.area)


def _merged(scores: Float64Array, found: Float64Array) -> Iterator[tuple[float, Float64Array]]:
    """MediaPipe's weighted non-maximum suppression: those that lie on the surest become their weighted mean with it."""
    boxes = np.concatenate([found[:, 0] - found[:, 1] / 2, found[:, 0] + found[:, 1] / 2], axis=1)
    rest = np.argsort(-scores, kind="stable")
    while rest.size:
        same = _overlap(boxes[rest[0]], boxes[rest]) > _SAME_FACE
        same[0] = True
        near = rest[same]
        yield float(scores[near[0]]), np.average(found[near], axis=0, weights=scores[near])
        rest = rest[~same]


def _box(points: Float64Array) -> Float64Array:
    """(4,): left, top, right, bottom."""
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def _overlap(box: Float64Array, others: Float64Array) -> Float64Array:
    """Intersection over union of a box (4,) with others (N, 4)."""
    shared = np.prod(np.maximum(0, np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])), axis=1)
    area, areas = np.prod(box[2:] - box[:2]), np.prod(others[:, 2:] - others[:, :2], axis=1)
    both = area + areas - shared
    share: Float64Array = np.divide(shared, both, out=np.zeros(len(others)), where=both > 0)
    return share

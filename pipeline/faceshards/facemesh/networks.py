"""The two networks of MediaPipe's Face Mesh, as arrays in and arrays out.

Both files come unchanged out of the wheel ``mediapipe 0.10.21``; NOTICE beside them gives licence, source and SHA-256.
The detector is BlazeFace for short range (Bazarevsky et al., 2019), the mesh that of Kartynnik et al. (2019).
"""

from importlib import resources
from typing import Any

import cv2
import numpy as np

from faceshards.errors import WeightsError
from faceshards.faulttext import is_shortage
from faceshards.records import Float32Array, Float64Array

DETECTOR_SIZE = 128
"""Edge of the pictures that the detector takes, in pixels."""

MESH_SIZE = 192
"""Edge of the pictures that the mesh network takes, in pixels."""

N_POINTS = 468


_DETECTOR, _MESH = "face_detection_short_range.tflite", "face_landmark.tflite"
_LOGIT_LIMIT = 100.0


class FaceDetectorNet:
    """Boxes and six key points of faces, before faces that lie on each other are merged.

    Raises:
        WeightsError: OpenCV cannot read the network.
    """

    def __init__(self) -> None:
        self._net = _read(_DETECTOR)
        self._anchors = _anchors()

    def __call__(self, picture: Float32Array) -> tuple[Float64Array, Float64Array]:
        """Look at one picture.

        Args:
            picture: (128, 128, 3) float32 RGB, 0 to 255.

        Returns:
            (896,) float64, how sure the network is of a face, 0 to 1; and (896, 8, 2) float64, pixels (x right, y
            down) of the picture: centre of the box, its width and height, then right eye, left eye, nose tip, mouth,
            right ear and left ear, the person's right.
        """
        self._net.setInput((picture / np.float32(127.5) - 1).transpose(2, 0, 1)[None])
        logits, offsets = self._net.forward(["classificators", "regressors"])
        found = offsets.reshape(-1, 8, 2).astype(np.float64)
        found[:, 0] += self._anchors
        found[:, 2:] += self._anchors[:, None]
        return _sigmoid(logits.reshape(-1)), found


class MeshNet:
    """The mesh of one face that fills the picture, upright.

    Raises:
        WeightsError: OpenCV cannot read the network.
    """

    def __init__(self) -> None:
        self._net = _read(_MESH)

    def __call__(self, picture: Float32Array) -> tuple[Float64Array, float]:
        """Lay the mesh on a face.

        Args:
            picture: (192, 192, 3) float32 RGB, 0 to 255.

        Returns:
            (468, 2) float64, pixels (x right, y down) of the picture; and how sure the network is that there is a face,
            0 to 1.
        """
        self._net.setInput((picture / np.float32(255)).transpose(2, 0, 1)[None])
        presence, points = self._net.forward(["conv2d_31", "conv2d_21"])
        return points.reshape(N_POINTS, 3)[:, :2].astype(np.float64), float(_sigmoid(presence.reshape(-1))[0])


def _read(name: str) -> Any:
    # OpenCV's newer engine leaves out one output of each of these networks; given bytes in place of a path, OpenCV 5.0
    # takes that engine whatever it is told.
    with resources.as_file(resources.files("faceshards.facemesh").joinpath(name)) as path:
        try:
            net = cv2.dnn.readNetFromTFLite(str(path), cv2.dnn.ENGINE_CLASSIC)
        except cv2.error as error:
            if is_shortage(error):
                raise
            raise WeightsError(f"{path}: expected the network that ships with faceshards; OpenCV: {error}") from error
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    net.setPreferableTarget(cv2.dnn.DNN_TARGET_CPU)
    return net


def _anchors() -> Float64Array:
    """(896, 2): two boxes about each of 16 x 16 places, then six about each of 8 x 8."""
    layers = []
    for places, boxes in ((16, 2), (8, 6)):
        y, x = np.mgrid[:places, :places]
        centres = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) * (DETECTOR_SIZE / places)
        layers.append(np.repeat(centres, boxes, axis=0))
    return np.concatenate(layers)


def _sigmoid(logits: Float32Array) -> Float64Array:
    return 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -_LOGIT_LIMIT, _LOGIT_LIMIT)))

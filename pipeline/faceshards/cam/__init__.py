"""Which regions of a face a recognition model relies on: `FSCAM`, how good its maps are, and pictures of them."""

from faceshards.cam.fscam import FSCAM
from faceshards.cam.model import numpy_model
from faceshards.cam.targets import CosineTarget, OutputTarget, SoftmaxTarget

__all__ = ["FSCAM", "CosineTarget", "OutputTarget", "SoftmaxTarget", "numpy_model"]

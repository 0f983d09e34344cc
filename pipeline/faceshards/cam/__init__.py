"""Which regions of a face a recognition model relies on: `FSCAM`, how good its maps are, and pictures of them."""

from faceshards.errors import MissingExtraError

try:
    from faceshards.cam.fscam import FSCAM
    from faceshards.cam.model import numpy_model
    from faceshards.cam.targets import CosineTarget, OutputTarget, SoftmaxTarget
except ModuleNotFoundError as error:
    raise MissingExtraError(f"faceshards.cam needs an extra: pip install 'faceshards[cam]' ({error})") from error

__all__ = ["FSCAM", "CosineTarget", "OutputTarget", "SoftmaxTarget", "numpy_model"]

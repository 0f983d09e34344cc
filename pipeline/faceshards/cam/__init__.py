"""Which regions of a face a recognition model relies on: `FSCAM`, what it can explain, how good maps are, and pictures.

The names listed here are what users need. Everything else in `faceshards.cam` may change without notice.
"""

from faceshards.errors import MissingExtraError

try:
    from faceshards.cam.fscam import FSCAM
    from faceshards.cam.metrics import Curves, perturbation_curves, pointing_game
    from faceshards.cam.model import numpy_model
    from faceshards.cam.painting import saliency_of_scores
    from faceshards.cam.render import overlay_regions, overlay_saliency, region_bars
    from faceshards.cam.targets import BinaryTarget, ClassTarget, CosineTarget, OutputTarget, SoftmaxTarget
except ModuleNotFoundError as error:
    raise MissingExtraError(f"faceshards.cam needs an extra: pip install 'faceshards[cam]' ({error})") from error

__all__ = [
    "FSCAM",
    "BinaryTarget",
    "ClassTarget",
    "CosineTarget",
    "Curves",
    "OutputTarget",
    "SoftmaxTarget",
    "numpy_model",
    "overlay_regions",
    "overlay_saliency",
    "perturbation_curves",
    "pointing_game",
    "region_bars",
    "saliency_of_scores",
]

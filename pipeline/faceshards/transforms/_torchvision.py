"""torchvision where it works: the base class of transforms, and the types that say what a part of a sample is.

Without torchvision, or with one built for another torch (its import then raises RuntimeError), transforms are plain
modules and take plain tensors.
"""

from typing import TYPE_CHECKING, Any

from torch import nn

if TYPE_CHECKING:
    Transform = nn.Module
    IMAGE_TYPES: tuple[type, ...]
    MASK_TYPES: tuple[type, ...]
    PICTURE_TYPES: tuple[type, ...]
    FLIPPED_TYPES: tuple[type, ...]

    def flip_of_torchvision(part: Any) -> Any:
        """Flip an image of PIL or a tensor of `torchvision.tv_tensors` left to right."""

else:
    try:
        from torchvision.transforms.v2 import Transform
        from torchvision.transforms.v2.functional import horizontal_flip as flip_of_torchvision
        from torchvision.tv_tensors import Image, Mask, TVTensor, Video
    except (ImportError, RuntimeError):
        Transform = nn.Module
        IMAGE_TYPES = MASK_TYPES = PICTURE_TYPES = FLIPPED_TYPES = ()
        flip_of_torchvision = None
    else:
        from PIL.Image import Image as Picture  # torchvision depends on it

        IMAGE_TYPES = (Image, Video)
        MASK_TYPES = (Mask,)
        PICTURE_TYPES = (*IMAGE_TYPES, Picture)
        FLIPPED_TYPES = (TVTensor, Picture)

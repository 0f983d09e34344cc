"""torchvision where it works: the base class of transforms, and the tensor types that say what a tensor is.

Without torchvision, or with one built for another torch (its import then raises RuntimeError), `FSErasing` is a plain
module and takes plain tensors.
"""

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    Transform = nn.Module
    IMAGE_TYPES: tuple[type, ...]
    MASK_TYPES: tuple[type, ...]
else:
    try:
        from torchvision.transforms.v2 import Transform
        from torchvision.tv_tensors import Image, Mask, Video
    except (ImportError, RuntimeError):
        Transform = nn.Module
        IMAGE_TYPES = MASK_TYPES = ()
    else:
        IMAGE_TYPES = (Image, Video)
        MASK_TYPES = (Mask,)

"""Face Semantic Erasing as a transform of torchvision v2 and of plain tensors; `.albumentations` has one for arrays."""

from faceshards.transforms.erasing import FSErasing
from faceshards.transforms.functional import erase_regions, hflip_regions

__all__ = ["FSErasing", "erase_regions", "hflip_regions"]

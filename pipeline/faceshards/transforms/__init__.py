"""Face Semantic Erasing and mirroring as transforms of torchvision v2 and of plain tensors.

`.albumentations` has the erasing for arrays.
"""

from faceshards.errors import MissingExtraError

try:
    from faceshards.transforms.erasing import FSErasing
    from faceshards.transforms.flip import RandomHorizontalFlip
    from faceshards.transforms.functional import erase_regions, hflip_regions
except ModuleNotFoundError as error:
    raise MissingExtraError(
        f"faceshards.transforms needs an extra: pip install 'faceshards[torch]' ({error})"
    ) from error

__all__ = ["FSErasing", "RandomHorizontalFlip", "erase_regions", "hflip_regions"]

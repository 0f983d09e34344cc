"""`Erase`: what is erased and with what, as the loader's view, the erase stage and the array transforms do it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceshards.errors import FaceError, FaceTypeError
from faceshards.maps import known_ids
from faceshards.ops.arguments import Classes, Fill, checked_fill
from faceshards.ops.choice import RegionChoice
from faceshards.ops.erase import erase
from faceshards.records import UInt8Array
from faceshards.rng import UInt64Array


@dataclass(frozen=True, slots=True)
class Erase:
    """Face Semantic Erasing (Kawai et al., IET Biometrics 2024) of uint8 RGB images: how much, which, with what.

    As a loader's view, it erases on the fly, other regions of each face in every epoch::

        eyes = faceshards.Erase(n_regions=(1, 2), classes=["right_eye", "left_eye"], fill=(0, 0, 0))
        loader = faceshards.Loader("data/shards", 128, view=eyes)

    Attributes:
        n_regions: how many regions go: a number from 1 to 25, or (least, greatest), both included. A face that shows
            fewer than are drawn loses all that it shows.
        classes: which may go: names, ids or `Region`; a mapping gives each its relative probability. None for the 19
            regions of a face.
        fill: ``"random"`` (noise a pixel), ``"random_1"`` (one colour a region), ``"random_mix"`` (either, by a coin a
            region), all uniform over 0 to 255; or one colour as (red, green, blue).
        min_area: a region of fewer pixels is not erased.
        choice: the first two and the last, checked, as they are drawn from.

    Raises:
        ParamsError: a value that it cannot have; the message names the argument.
        UnknownRegionError: `classes` has a name or an id that is no region's.
    """

    n_regions: int | tuple[int, int] = (1, 5)
    classes: Classes | None = field(default=None, hash=False)  # a dict, once checked
    fill: Fill = "random"
    min_area: int = 16
    choice: RegionChoice = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        choice = RegionChoice.of(self.n_regions, self.classes, self.min_area)
        checked = {
            "n_regions": choice.n_regions,
            "classes": choice.classes,
            "fill": checked_fill(self.fill),
            "min_area": choice.min_area,
            "choice": choice,
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def apply(self, images: UInt8Array, regions: UInt8Array, keys: UInt64Array) -> NDArray[np.uint32]:
        """Erase in place, a key a face: the same key, image and map lose the same pixels to the same values.

        For example ``masks = Erase().apply(images, regions, keys)`` with ``keys = np.arange(8, dtype=np.uint64)``.

        Args:
            images: (B, H, W, 3) uint8, C-contiguous and writable.
            regions: (B, H, W) region ids of an integer dtype; 255 is no region.
            keys: (B,) uint64.

        Returns:
            (B,) uint32 masks of what went: bit ``r`` is set where region ``r`` did.

        Raises:
            FaceTypeError: one of them is no array, or of another dtype.
            FaceError: shapes that do not belong together, images that cannot be written to as they lie in memory, or
                ids in `regions` that are no region's.
        """
        _check(images, regions, keys)
        maps = known_ids(regions)
        masks, gone = self.choice.draw(keys, maps)
        erase(images, maps, gone, keys, self.fill, out=images)
        return masks


def _check(images: Any, regions: Any, keys: Any) -> None:
    given = {"images": images, "regions": regions, "keys": keys}
    for name, array in given.items():
        if not isinstance(array, np.ndarray):
            raise FaceTypeError(f"{name} must be an array of numpy, found {type(array).__name__}")
    found = ", ".join(f"{name} {array.shape} {array.dtype}" for name, array in given.items())
    if images.dtype != np.uint8 or keys.dtype != np.uint64:
        raise FaceTypeError(f"images must be uint8, before any normalisation, and keys uint64; found {found}")
    if images.ndim != 4 or images.shape[3] != 3 or regions.shape != images.shape[:3] or keys.shape != images.shape[:1]:
        raise FaceError(
            f"expected images (B, H, W, 3), channels last, with regions (B, H, W) and keys (B,); found {found}"
        )
    if not (images.flags.c_contiguous and images.flags.writeable):
        raise FaceError("images are erased in place and must be C-contiguous and writable; give images.copy()")

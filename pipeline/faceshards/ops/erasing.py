"""`Erase`: what is erased and with what, as the loader's view, the erase stage and the array transforms do it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

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
    classes: Classes | None = None
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
        """Erase in place: (B, H, W, 3) C-contiguous images by their (B, H, W) regions, both uint8, and (B,) keys.

        Returns:
            (B,) uint32 masks of what went: bit ``r`` is set where region ``r`` did.
        """
        masks, gone = self.choice.draw(keys, regions)
        erase(images, regions, gone, keys, self.fill, out=images)
        return masks

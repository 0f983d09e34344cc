"""The class ids that everything here speaks: 25 face regions, and FaceSynthetics' 19 coarse classes.

Region ids and names are the published ones of the FSErasing authors (Kawai et al., IET Biometrics 2024) and are never
renumbered. Mind their sides: cheeks, chin, forehead and the surroundings of the eyes (1 to 9) are named from the
person's side, so that "right" is the left half of an unmirrored picture; eyes, brows and ears (11 to 16) are
FaceSynthetics' own classes, which are named from the viewer's side. So `AROUND_RIGHT_EYE` surrounds `LEFT_EYE`.
"""

from collections.abc import Iterable
from enum import IntEnum

from faceshards.errors import UnknownRegionError

__all__ = ["MIRROR", "PALETTE", "REGION_NAMES", "Region"]


class Region(IntEnum):
    """The 25 face regions of FSErasing."""

    BACKGROUND = 0
    RIGHT_CHEEK = 1
    LEFT_CHEEK = 2
    RIGHT_CHIN = 3
    LEFT_CHIN = 4
    RIGHT_FOREHEAD = 5
    LEFT_FOREHEAD = 6
    MIDDLE_FOREHEAD = 7
    AROUND_RIGHT_EYE = 8
    AROUND_LEFT_EYE = 9
    NOSE = 10
    RIGHT_EYE = 11
    LEFT_EYE = 12
    RIGHT_BROW = 13
    LEFT_BROW = 14
    RIGHT_EAR = 15
    LEFT_EAR = 16
    MOUTH = 17
    UPPER_LIP = 18
    LOWER_LIP = 19
    NECK = 20
    HAIR = 21
    CLOTHING = 22
    GLASSES = 23
    HEADWEAR = 24

    @property
    def label(self) -> str:
        """The name used in params, manifests and pictures, such as ``"right_cheek"``."""
        return self.name.lower()

    @classmethod
    def of_mask(cls, mask: int) -> "tuple[Region, ...]":
        """The regions of an `erased` bit mask, in which bit ``r`` stands for region ``r``.

        Two lines of use::

            batch = faceshards.open("data/shards", view="erase")[:8]
            Region.of_mask(int(batch["erased"][0]))  # (Region.NOSE, Region.MOUTH)
        """
        return tuple(region for region in cls if mask >> region & 1)


class CoarseRegion(IntEnum):
    """The 19 classes of FaceSynthetics' segmentation (Wood et al., ICCV 2021)."""

    BACKGROUND = 0
    SKIN = 1
    NOSE = 2
    RIGHT_EYE = 3
    LEFT_EYE = 4
    RIGHT_BROW = 5
    LEFT_BROW = 6
    RIGHT_EAR = 7
    LEFT_EAR = 8
    MOUTH_INTERIOR = 9
    TOP_LIP = 10
    BOTTOM_LIP = 11
    NECK = 12
    HAIR = 13
    BEARD = 14
    CLOTHING = 15
    GLASSES = 16
    HEADWEAR = 17
    FACEWEAR = 18


IGNORE = 255
"""The value of a pixel that belongs to no class, in region maps and coarse labels alike."""

N_REGIONS = len(Region)

REGION_NAMES: tuple[str, ...] = tuple(r.label for r in Region)

MIRROR: tuple[int, ...] = tuple(
    Region[r.name.replace("RIGHT", "\0").replace("LEFT", "RIGHT").replace("\0", "LEFT")].value for r in Region
)
"""``MIRROR[r]`` is what region ``r`` becomes when the picture is flipped left to right."""

PALETTE: tuple[tuple[int, int, int], ...] = (
    (0, 0, 0),
    (255, 153, 153),
    (255, 204, 153),
    (204, 102, 153),
    (255, 128, 191),
    (255, 230, 128),
    (230, 255, 128),
    (255, 179, 71),
    (128, 212, 255),
    (128, 255, 229),
    (255, 96, 64),
    (0, 96, 255),
    (0, 200, 200),
    (120, 72, 0),
    (180, 120, 40),
    (200, 0, 100),
    (150, 0, 200),
    (128, 0, 0),
    (220, 20, 60),
    (255, 80, 120),
    (200, 170, 140),
    (90, 60, 30),
    (80, 130, 80),
    (40, 40, 200),
    (128, 128, 128),
)
"""RGB of each region, for pictures and for the store's attributes."""


def region_ids(names: Iterable[str]) -> tuple[Region, ...]:
    """Turn region names, as written in params, into regions.

    Raises:
        UnknownRegionError: a name is not one of `REGION_NAMES`; the message lists them.
    """
    by_label = {r.label: r for r in Region}
    out = []
    for name in names:
        if name not in by_label:
            raise UnknownRegionError(f"unknown region {name!r}; expected one of: {', '.join(REGION_NAMES)}")
        out.append(by_label[name])
    return tuple(out)

"""What the classes of other people's networks mean, and how they become the 25 regions.

A class is named by a region (``"nose"``), or by what a coarser labelling has in its place:

- ``"skin"``, which is cut into regions 1 to 9, and ``"beard"``, which is skin, or neck beneath the chin;
- ``"eye"``, ``"brow"``, ``"ear"``: of a side that the network does not name, or not reliably; the place says it;
- ``"none"``: no region stands for it (an earring, a face mask). Its pixels go to the next likely class.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np

from faceshards.errors import UnknownRegionError
from faceshards.ops.align import TEMPLATE
from faceshards.ops.aligned_landmarks import estimate_landmarks
from faceshards.ops.labels import detailed_regions, merge_to_coarse
from faceshards.records import UInt8Array
from faceshards.regions import REGION_NAMES, CoarseRegion, Region

SchemeName: TypeAlias = Literal[
    "regions25", "facesynthetics19", "celebamask_hq", "celebamask_bisenet", "celebamask_farl", "lapa"
]

MIDDLE_X = float(TEMPLATE[:2, 0].mean())
"""Of an aligned face: the column halfway between its pupils. Of 71 FaceSynthetics frames, near-profiles among them,
all eyes and ears and 98.1 % of the brows' pixels lie on their own side of it."""

_NONE = "none"
_CUT = {"skin": CoarseRegion.SKIN, "beard": CoarseRegion.BEARD}
# The class on the left and on the right half of the picture. FaceSynthetics names sides as the viewer sees them.
_BY_PLACE = {
    "eye": (CoarseRegion.LEFT_EYE, CoarseRegion.RIGHT_EYE),
    "brow": (CoarseRegion.LEFT_BROW, CoarseRegion.RIGHT_BROW),
    "ear": (CoarseRegion.LEFT_EAR, CoarseRegion.RIGHT_EAR),
}
_SKIN_REGIONS = REGION_NAMES[Region.RIGHT_CHEEK : Region.AROUND_LEFT_EYE + 1]

CLASS_NAMES: tuple[str, ...] = (*REGION_NAMES, *_CUT, *_BY_PLACE, _NONE)

SCHEMES = MappingProxyType[SchemeName, tuple[str, ...]](
    {
        "regions25": REGION_NAMES,
        "facesynthetics19": (
            *("background", "skin", "nose", "right_eye", "left_eye", "right_brow", "left_brow", "right_ear"),
            *("left_ear", "mouth", "upper_lip", "lower_lip", "neck", "hair", "beard", "clothing", "glasses"),
            *("headwear", _NONE),
        ),
        # background, skin, nose, eye_g, l_eye, r_eye, l_brow, r_brow, l_ear, r_ear, mouth, u_lip, l_lip, hair, hat,
        # ear_r, neck_l, neck, cloth: as CelebAMask-HQ (Lee et al., CVPR 2020) numbers its merged masks.
        "celebamask_hq": (
            *("background", "skin", "nose", "glasses", "eye", "eye", "brow", "brow", "ear", "ear", "mouth"),
            *("upper_lip", "lower_lip", "hair", "headwear", _NONE, "neck", "neck", "clothing"),
        ),
        # background, skin, l_brow, r_brow, l_eye, r_eye, eye_g, l_ear, r_ear, ear_r, nose, mouth, u_lip, l_lip, neck,
        # neck_l, cloth, hair, hat: the same classes as the BiSeNet of face-parsing.PyTorch and its heirs number them.
        "celebamask_bisenet": (
            *("background", "skin", "brow", "brow", "eye", "eye", "glasses", "ear", "ear", _NONE, "nose", "mouth"),
            *("upper_lip", "lower_lip", "neck", "neck", "clothing", "hair", "headwear"),
        ),
        # background, neck, face, cloth, rr, lr (ears), rb, lb (brows), re, le (eyes), nose, imouth, llip, ulip, hair,
        # eyeg, hat, earr, neck_l: the same classes as FaRL and SegFace number them.
        "celebamask_farl": (
            *("background", "neck", "skin", "clothing", "ear", "ear", "brow", "brow", "eye", "eye", "nose", "mouth"),
            *("lower_lip", "upper_lip", "hair", "glasses", "headwear", _NONE, "neck"),
        ),
        # background, skin, two brows, two eyes, nose, upper lip, inner mouth, lower lip, hair: as LaPa numbers them
        # (Liu et al., AAAI 2020). FaRL's parser has right and left the other way round.
        "lapa": (
            *("background", "skin", "brow", "brow", "eye", "eye", "nose", "upper_lip", "mouth", "lower_lip", "hair"),
        ),
    }
)


@dataclass(frozen=True)
class ClassMap:
    """From a network's classes to regions.

    Args:
        names: one of `CLASS_NAMES` for each class, in the order of the network's outputs.

    Raises:
        UnknownRegionError: a name is none of `CLASS_NAMES`.
        ValueError: all are ``"none"``, or both skin and parts of it occur.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        unknown = sorted(set(self.names) - set(CLASS_NAMES))
        if unknown:
            raise UnknownRegionError(f"unknown class {', '.join(unknown)}; expected some of: {', '.join(CLASS_NAMES)}")
        if not self.kept:
            raise ValueError("every class is 'none'; at least one must stand for a region")
        parts = [name for name in self.names if name in _SKIN_REGIONS]
        if parts and self._coarse:
            whole = next(name for name in self.names if name in _CUT or name in _BY_PLACE)
            raise ValueError(
                f"found both {parts[0]!r} and {whole!r}; expected either a network of the regions, or one whose skin "
                "is cut into them"
            )

    @classmethod
    def of(cls, classes: SchemeName | tuple[str, ...]) -> "ClassMap":
        """Of a scheme's name, or of names."""
        return cls(SCHEMES[classes] if isinstance(classes, str) else classes)

    @property
    def kept(self) -> tuple[int, ...]:
        """The classes that may win a pixel."""
        return tuple(i for i, name in enumerate(self.names) if name != _NONE)

    @property
    def _coarse(self) -> bool:
        return any(name in _CUT or name in _BY_PLACE for name in self.names)

    def regions(self, winners: UInt8Array) -> UInt8Array:
        """Regions of aligned faces.

        Args:
            winners: (B, 112, 112) uint8, positions in `kept`.

        Returns:
            (B, 112, 112) uint8, `Region` ids 0-24.
        """
        names = [self.names[i] for i in self.kept]
        if not self._coarse:
            return np.array([REGION_NAMES.index(name) for name in names], np.uint8)[winners]
        left, right = (np.array([_coarse_class(name, half) for name in names], np.uint8)[winners] for half in (0, 1))
        coarse = np.where(np.arange(winners.shape[-1]) > MIDDLE_X, right, left)
        regions = np.empty(coarse.shape, np.uint8)
        for face, found in zip(coarse, regions, strict=True):
            found[:] = detailed_regions(face, estimate_landmarks(face))
        return regions


def _coarse_class(name: str, half: int) -> int:
    """The `CoarseRegion` of a class on the left (0) or right (1) half of the picture."""
    if name in _BY_PLACE:
        return _BY_PLACE[name][half]
    if name in _CUT:
        return _CUT[name]
    return int(merge_to_coarse(np.array(REGION_NAMES.index(name), np.uint8)))

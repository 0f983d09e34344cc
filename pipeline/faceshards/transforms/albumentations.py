"""`FSErasing` for albumentations (2.0.8, its last MIT release), on the numpy kernel of loader and erase stage."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from faceshards.errors import MissingExtraError
from faceshards.ops.choice import RegionChoice
from faceshards.ops.erase import Fill, erase
from faceshards.records import UInt8Array

try:
    from albumentations import ImageOnlyTransform
except ImportError as error:
    raise MissingExtraError(
        "faceshards.transforms.albumentations needs albumentations: pip install 'faceshards[albumentations]'"
    ) from error


class FSErasing(ImageOnlyTransform):
    """Face Semantic Erasing of a uint8 image whose region map is its ``mask``: ``transform(image=..., mask=...)``.

    The map itself comes out as it went in. Put it before `Normalize`: noise is uniform over 0..255, as in the
    erase stage.

    Args:
        n_erase: how many regions go, or the least and greatest number.
        fill: see `faceshards.ops.erase.Fill`.
        classes: names or ids of the regions that may be erased; None for the 19 of a face.
        exclude: regions that may not, taken from `classes`.
        class_probs: relative probability of each region; 1 where it is not given.
        min_area: a region of fewer pixels is not drawn.
        max_area: a region of more pixels is not drawn; None for no limit.
        p: how likely a face is erased at all.
    """

    class InitSchema(ImageOnlyTransform.InitSchema):
        """The arguments, as albumentations wants them declared; `RegionChoice` checks them."""

        n_erase: int | tuple[int, int]
        fill: Fill
        classes: Iterable[int | str] | None
        exclude: Iterable[int | str]
        class_probs: Mapping[int | str, float] | None
        min_area: int
        max_area: int | None

    def __init__(
        self,
        n_erase: int | tuple[int, int] = (1, 5),
        fill: Fill = "random",
        classes: Iterable[int | str] | None = None,
        exclude: Iterable[int | str] = (),
        class_probs: Mapping[int | str, float] | None = None,
        min_area: int = 16,
        max_area: int | None = None,
        p: float = 0.5,
    ) -> None:
        super().__init__(p=p)
        self.fill = fill
        self.choice = RegionChoice.of(
            n_erase, classes=classes, exclude=exclude, class_probs=class_probs, min_area=min_area, max_area=max_area
        )

    @property
    def targets_as_params(self) -> list[str]:
        """The target that the draw depends on."""
        return ["mask"]

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw from albumentations' own generator: the key and the regions that go."""
        regions = data["mask"].reshape(1, *params["shape"][:2])
        keys = np.array([self.py_random.getrandbits(64)], np.uint64)
        _, gone = self.choice.draw(keys, regions)
        return {"regions": regions, "gone": gone, "keys": keys}

    def apply(self, img: UInt8Array, **params: Any) -> UInt8Array:
        """Erase: (H, W, 3) uint8 to the same."""
        if img.dtype != np.uint8 or img.ndim != 3 or img.shape[2] != 3:
            raise TypeError(f"FSErasing takes (H, W, 3) uint8, found {img.shape} {img.dtype}; put it before Normalize")
        erased: UInt8Array = erase(img[None], params["regions"], params["gone"], params["keys"], self.fill)[0]
        return erased

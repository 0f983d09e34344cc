"""`FSErasing` for albumentations (2.0.8, its last MIT release), on the numpy kernel of loader and erase stage."""

import os
import random
from typing import Any

import numpy as np
from torch.utils.data import get_worker_info

from faceshards.checks import probability
from faceshards.errors import FaceError, FaceTypeError, MissingExtraError
from faceshards.maps import known_ids
from faceshards.ops.arguments import Classes, Fill, checked_fill
from faceshards.ops.choice import RegionChoice
from faceshards.ops.erase import erase
from faceshards.records import UInt8Array
from faceshards.transforms._workers import mixed

try:
    from albumentations import ImageOnlyTransform
except ImportError as error:
    raise MissingExtraError(
        "faceshards.transforms.albumentations needs albumentations: pip install 'faceshards[albumentations]'"
    ) from error


class FSErasing(ImageOnlyTransform):
    """Face Semantic Erasing of a uint8 image whose region map is its ``mask``.

    For example ``A.Compose([FSErasing(p=0.5, n_regions=(1, 3))])(image=image, mask=regions)``. The map itself comes out
    as it went in. Put it before `Normalize`: noise is uniform over 0..255, as in the erase stage. Draws follow the
    generator of albumentations, that is `Compose(seed=...)`; albumentations gives every DataLoader worker the same
    copy of it, so there each worker draws from its copy and the worker's seed, which is another in every epoch.

    Args:
        p: how likely a face is erased at all.
        n_regions: how many regions go: a number from 1 to 25, or (least, greatest), both included.
        classes: which may go: names, ids or `faceshards.Region`; a mapping gives each its relative probability. None
            for the 19 regions of a face.
        fill: ``"random"``, ``"random_1"``, ``"random_mix"``, or one colour as (red, green, blue), as for
            `faceshards.Erase`.
        min_area: a region of fewer pixels is not erased.

    Raises:
        ParamsError: a value that it cannot have; the message names the argument.
        UnknownRegionError: `classes` has a name or an id that is no region's.
    """

    # Without an InitSchema of its own: albumentations turns errors of it into warnings and takes the defaults.

    def __init__(
        self,
        p: float = 0.5,
        n_regions: int | tuple[int, int] = (1, 5),
        classes: Classes | None = None,
        fill: Fill = "random",
        min_area: int = 16,
    ) -> None:
        super().__init__(p=probability("p", p))
        self.choice = RegionChoice.of(n_regions, classes, min_area)
        self.n_regions = self.choice.n_regions
        self.classes = None if classes is None else self.choice.classes
        self.fill = checked_fill(fill)
        self.min_area = self.choice.min_area

    def get_transform_init_args(self) -> dict[str, Any]:
        """All arguments but `p` as numbers, strings, lists and dicts, for `A.to_dict`, `A.save` and `repr`."""
        return {
            "n_regions": list(self.n_regions),
            "classes": None if self.classes is None else dict(self.classes),
            "fill": self.fill if isinstance(self.fill, str) else list(self.fill),
            "min_area": self.min_area,
        }

    @property
    def py_random(self) -> random.Random:
        """albumentations' generator of this transform; in a DataLoader worker, one of the worker's own."""
        worker = get_worker_info()
        if worker is not None and self._process != os.getpid():
            # Drawn from the copy, so that two transforms that share it go apart.
            drawn = self._py_random.getrandbits(64).to_bytes(8, "little")
            self.py_random = random.Random(mixed(drawn, worker.seed))
        return self._py_random

    @py_random.setter
    def py_random(self, generator: random.Random) -> None:
        self._py_random = generator
        self._process = os.getpid()

    @property
    def targets_as_params(self) -> list[str]:
        """The target that the draw depends on."""
        return ["mask"]

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw the key and the regions that go.

        Raises:
            FaceTypeError: the mask is no array of an integer dtype.
            FaceError: the mask is not of the image's size, or has ids that are no region's.
        """
        mask, (height, width) = data["mask"], params["shape"][:2]
        if not isinstance(mask, np.ndarray):
            raise FaceTypeError(f"mask must be the region map, an array (H, W); found {type(mask).__name__}")
        if mask.shape not in ((height, width), (height, width, 1)):
            raise FaceError(f"mask must be of the image's size, ({height}, {width}); found {mask.shape}")
        regions = known_ids(mask).reshape(1, height, width)
        keys = np.array([self.py_random.getrandbits(64)], np.uint64)
        _, gone = self.choice.draw(keys, regions)
        return {"regions": regions, "gone": gone, "keys": keys}

    def apply(self, img: UInt8Array, **params: Any) -> UInt8Array:
        """Erase: (H, W, 3) uint8 to the same.

        Raises:
            FaceTypeError: another dtype, or not three channels.
            FaceError: another size than that of the region map, as may be in a replay.
        """
        if img.dtype != np.uint8 or img.ndim != 3 or img.shape[2] != 3:
            raise FaceTypeError(
                f"image must be (H, W, 3) uint8, found {img.shape} {img.dtype}; put FSErasing before Normalize"
            )
        if img.shape[:2] != params["gone"].shape[1:]:
            raise FaceError(f"image must be of the region map's size {params['gone'].shape[1:]}, found {img.shape[:2]}")
        erased: UInt8Array = erase(img[None], params["regions"], params["gone"], params["keys"], self.fill)[0]
        return erased

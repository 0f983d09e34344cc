"""`FSErasing`: random face regions replaced, image and region map together."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from faceshards.checks import flag
from faceshards.errors import FaceError, FaceTypeError
from faceshards.ops.arguments import Classes
from faceshards.ops.choice import RegionChoice
from faceshards.ops.erase_torch import as_maps, take
from faceshards.transforms._chance import Chance
from faceshards.transforms._fill import Fill, check_fill, check_fill_of, check_inplace
from faceshards.transforms._samples import fits, pair
from faceshards.transforms._torchvision import Transform
from faceshards.transforms._workers import seed_in_worker, watch
from faceshards.transforms.functional import replace_pixels


class FSErasing(Transform):
    """Face Semantic Erasing (Kawai et al., IET Biometrics 2024) as a torchvision v2 transform.

    Takes what torchvision v2 takes, ``transform(image, regions)`` or any nest of lists, tuples and dicts: images as
    `tv_tensors.Image` or `Video` with the region map as `tv_tensors.Mask`; or, also without torchvision, plain tensors,
    of which the first is the image and the integer one that fits it the region map. All else, and the region map
    itself, comes out as it went in. An image is (C, H, W) with (H, W) regions, or a batch (B, C, H, W) with (B, H, W),
    in which each face is drawn for on its own. Regions are drawn only among those that a face shows.

    For example ``images, regions = FSErasing(p=0.5, n_regions=(1, 3), classes=["nose", "mouth"])(images, regions)``.

    Args:
        p: how likely a face is erased at all.
        n_regions: how many regions go: a number from 1 to 25, or (least, greatest), both included. A face that shows
            fewer than are drawn loses all that it shows.
        classes: which may go: names, ids or `faceshards.Region`; a mapping gives each its relative probability. None
            for the 19 regions of a face.
        fill: ``"random"`` (noise a pixel), ``"random_1"`` (one colour a region), ``"random_mix"`` (either, by a coin a
            region); a number, or one a channel, in the units of the image; a tensor that broadcasts against
            (B, C, H, W); ``"mean"`` or ``"blur"`` of the face. Random values in uint8 images are uniform over 0 to 255,
            and in floating images N(0, 1): put `v2.Normalize` before.
        min_area: a region of fewer pixels is not erased.
        same_on_batch: one draw for the whole batch: the same coin, number and order of preference for every face.
        inplace: write into the image.
        generator: of all draws; None follows torch's global seed, which a DataLoader sets apart in its workers. There
            each worker also sets its copy of a generator apart, from the generator's state and the worker's seed.

    Raises:
        ParamsError: a value that it cannot have; the message names the argument.
        UnknownRegionError: `classes` has a name or an id that is no region's.
    """

    p = Chance()
    """How likely a face is erased; another can be set, and is checked."""

    def __init__(
        self,
        p: float = 0.5,
        n_regions: int | tuple[int, int] = (1, 5),
        classes: Classes | None = None,
        fill: Fill = "random",
        min_area: int = 16,
        *,
        same_on_batch: bool = False,
        inplace: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.p = p
        self.choice = RegionChoice.of(n_regions, classes, min_area)
        self.fill = fill
        self.same_on_batch = flag("same_on_batch", same_on_batch)
        self.inplace = flag("inplace", inplace)
        self.generator = generator

    @property
    def fill(self) -> Fill:
        """What replaces erased pixels; another can be set, and is checked."""
        return self._fill

    @fill.setter
    def fill(self, fill: Fill) -> None:
        check_fill(fill)
        self._fill: Fill = fill

    @property
    def n_regions(self) -> tuple[int, int]:
        """Least and greatest number of regions; part of `choice`, and not to be set alone."""
        return self.choice.n_regions

    @property
    def classes(self) -> dict[str, float]:
        """Relative probability of each region that may go; part of `choice`, and not to be set alone."""
        return self.choice.classes

    @property
    def min_area(self) -> int:
        """A region of fewer pixels stays; part of `choice`, and not to be set alone."""
        return self.choice.min_area

    @property
    def generator(self) -> torch.Generator | None:
        """Of all draws; None follows torch's global seed. Another can be set.

        Raises:
            ParamsError: what is set is neither.
        """
        return self._generator

    @generator.setter
    def generator(self, generator: torch.Generator | None) -> None:
        if generator is not None:
            watch(generator)
        self._generator = generator

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw once for an image and its region map: what `transform` needs to erase, as often as wanted.

        Returns:
            ``maps`` (B, H, W) uint8, ``erased`` (B,) uint32 bit masks of the regions that go, ``gone`` (B, H, W) bool
            where their pixels are, and the ``seed`` of the noise.
        """
        images, regions = pair(flat_inputs)
        return self._params(flat_inputs[images[0]], regions)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Erase in one image what `make_params` drew; the same params give the same pixels.

        Raises:
            FaceTypeError: the image is no tensor, or of a dtype that it cannot have.
            FaceError: the image is not of the size of the region map, or the batch has another number of faces.
            ParamsError: the image's dtype cannot hold `fill`, or it does not go with the number of channels.
        """
        self._check(inpt, params["maps"])
        if not any(params["erased"].tolist()):
            return inpt
        kind = type(inpt)
        image = inpt if kind is Tensor else inpt.as_subclass(Tensor)
        out = replace_pixels(
            image, params["maps"], params["gone"], fill=self.fill, seed=params["seed"], inplace=self.inplace
        )
        if self.inplace:
            return inpt
        return out if kind is Tensor else out.as_subclass(kind)

    def forward(self, *inputs: Any) -> Any:
        """Erase regions of the images among `inputs`.

        Raises:
            FaceTypeError: no image tensor or not one region map among the inputs, or one of a dtype that it cannot
                have; random values for an image that is neither floating nor uint8.
            FaceError: image and region map differ in size, or the map has ids that are no region's.
            ParamsError: the image's dtype cannot hold `fill`, or it does not go with the number of channels.
        """
        if len(inputs) == 2 and all(type(tensor) is Tensor for tensor in inputs) and fits(inputs[1], inputs[0]):
            image, regions = inputs  # the usual sample; the general way takes as long as erasing itself
            return self.transform(image, self._params(image, regions)), regions
        if not inputs:
            raise FaceTypeError("expected an image and its region map; found nothing")
        flat, spec = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
        images, regions = pair(flat)
        params = self._params(flat[images[0]], regions)
        if len(images) > 1:  # all before any is written to
            for i in images:
                self._check(flat[i], params["maps"])
        for i in images:
            flat[i] = self.transform(flat[i], params)
        return tree_unflatten(flat, spec)

    def extra_repr(self) -> str:
        """The parameters, as `repr` shows them."""
        return (
            f"p={self.p}, {self.choice}, fill={self.fill!r}, same_on_batch={self.same_on_batch}, inplace={self.inplace}"
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a copy."""
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        if self.generator is not None:
            watch(self.generator)

    def _check(self, image: Any, maps: Tensor) -> None:
        if not isinstance(image, Tensor):
            raise FaceTypeError(f"the image must be a torch.Tensor, found {type(image).__name__}")
        if image.ndim < 3 or image.shape[-2:] != maps.shape[1:] or image.shape[:-3].numel() != len(maps):
            raise FaceError(
                f"expected an image (..., C, H, W) of the region maps' number and size {tuple(maps.shape)}, found "
                f"{tuple(image.shape)}; resize all images of a sample alike, or erase each with a map of its size"
            )
        check_fill_of(image, self.fill)
        if self.inplace:
            check_inplace(image)

    def _params(self, image: Tensor, regions: Tensor) -> dict[str, Any]:
        maps = as_maps(regions, image)
        draws = self._uniforms(1 if self.same_on_batch else max(len(maps), 1))
        of_face = draws.repeat(len(maps), 0) if self.same_on_batch else draws[: len(maps)]
        preference = self.choice.preference(of_face[:, 1], of_face[:, 3:])
        preference.number[of_face[:, 2] >= self.p] = 0
        erased, gone = take(maps, preference, self.choice.min_area)
        return {"maps": maps, "erased": erased, "gone": gone, "seed": int(draws[0, 0] * 2.0**53)}

    def _uniforms(self, draws: int) -> NDArray[np.float64]:
        """Numbers in [0, 1) for a seed, the number of regions, a coin, and the order of K regions: (draws, 3 + K)."""
        device = None
        if self.generator is not None:
            seed_in_worker(self.generator)
            device = self.generator.device
        columns = 3 + len(self.choice.allowed)
        drawn = torch.rand(draws, columns, generator=self.generator, dtype=torch.float64, device=device)
        return drawn.cpu().numpy()

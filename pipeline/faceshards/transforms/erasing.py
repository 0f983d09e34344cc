"""`FSErasing`: random face regions replaced, image and region map together."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from faceshards.ops.choice import RegionChoice
from faceshards.ops.erase_torch import as_maps, take
from faceshards.transforms._torchvision import IMAGE_TYPES, MASK_TYPES, Transform
from faceshards.transforms.functional import Value, check_value, is_random, replace_pixels


class FSErasing(Transform):
    """Face Semantic Erasing (Kawai et al., IET Biometrics 2024) as a torchvision v2 transform.

    Takes what torchvision v2 takes, ``transform(image, regions)`` or any nest of lists, tuples and dicts: images as
    `tv_tensors.Image` or `Video` with the region map as `tv_tensors.Mask`; or, also without torchvision, plain tensors,
    of which the first is the image and the next integer one that fits it the region map. All else, and the region map
    itself, comes out as it went in. An image is (C, H, W) with (H, W) regions, or a batch (B, C, H, W) with (B, H, W),
    in which each face is drawn for on its own. Regions are drawn only among those that a face shows.

    Args:
        p: how likely a face is erased at all.
        n_erase: how many regions go, or the least and greatest number; where fewer are eligible, all of those go.
        value: see `faceshards.transforms.functional.Value`. Random values in floating images are N(0, 1): put
            `v2.Normalize` before.
        classes: names or ids of the regions that may be erased; None for `faceshards.ops.choice.FACE_REGIONS`.
        exclude: regions that may not, taken from `classes`.
        class_probs: relative probability of each region by name or id; 1 where it is not given.
        min_area: a region of fewer pixels is not drawn.
        max_area: a region of more pixels is not drawn; None for no limit.
        same_on_batch: one draw for the whole batch: the same coin, number and order of preference for every face.
        inplace: write into the image.
        generator: of all draws; None follows torch's global seed, which a DataLoader sets apart in its workers.

    Raises:
        ValueError: a parameter out of its range, or no region left to erase.
        UnknownRegionError: a name is none of the regions'.
    """

    def __init__(
        self,
        p: float = 0.5,
        n_erase: int | tuple[int, int] = (1, 5),
        value: Value = "random",
        *,
        classes: Iterable[int | str] | None = None,
        exclude: Iterable[int | str] = (),
        class_probs: Mapping[int | str, float] | None = None,
        min_area: int = 16,
        max_area: int | None = None,
        same_on_batch: bool = False,
        inplace: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p is a probability from 0 to 1, not {p}")
        if isinstance(value, str) and not is_random(value) and value not in ("mean", "blur"):
            raise ValueError(
                f"expected a number, one a channel, random, random_1, random_mix, mean or blur, not {value!r}"
            )
        self.p = p
        self.choice = RegionChoice.of(
            n_erase, classes=classes, exclude=exclude, class_probs=class_probs, min_area=min_area, max_area=max_area
        )
        self.value = value
        self.same_on_batch = same_on_batch
        self.inplace = inplace
        self.generator = generator

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw once for an image and its region map: what `transform` needs to erase, as often as wanted.

        Returns:
            ``maps`` (B, H, W) uint8, ``erased`` (B,) uint32 bit masks of the regions that go, ``gone`` (B, H, W) bool
            where their pixels are, and the ``seed`` of the noise.
        """
        images, regions = _pair(flat_inputs)
        return self._params(flat_inputs[images[0]], regions)

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Erase in one image what `make_params` drew; the same params give the same pixels."""
        check_value(inpt, self.value)
        if not any(params["erased"].tolist()):
            return inpt
        kind = type(inpt)
        image = inpt if kind is Tensor else inpt.as_subclass(Tensor)
        out = replace_pixels(
            image, params["maps"], params["gone"], value=self.value, seed=params["seed"], inplace=self.inplace
        )
        if self.inplace:
            return inpt
        return out if kind is Tensor else out.as_subclass(kind)

    def forward(self, *inputs: Any) -> Any:
        """Erase regions of the images among `inputs`.

        Raises:
            TypeError: no image tensor or no region map among the inputs, or a random value for an image that is neither
                floating nor uint8.
            ValueError: image and region map differ in size.
        """
        if len(inputs) == 2 and all(type(tensor) is Tensor for tensor in inputs) and _fits(inputs[1], inputs[0]):
            image, regions = inputs  # the most usual sample by a short way: to take it apart lasts as long as to erase
            return self.transform(image, self._params(image, regions)), regions
        flat, spec = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
        images, regions = _pair(flat)
        params = self._params(flat[images[0]], regions)
        for i in images:
            flat[i] = self.transform(flat[i], params)
        return tree_unflatten(flat, spec)

    def extra_repr(self) -> str:
        """The parameters, as `repr` shows them."""
        return f"p={self.p}, value={self.value!r}, {self.choice}"

    def _params(self, image: Tensor, regions: Tensor) -> dict[str, Any]:
        maps = as_maps(regions, image)
        draws = self._uniforms(1 if self.same_on_batch else max(len(maps), 1))
        of_face = draws.repeat(len(maps), 0) if self.same_on_batch else draws[: len(maps)]
        preference = self.choice.preference(of_face[:, 1], of_face[:, 3:])
        preference.number[of_face[:, 2] >= self.p] = 0
        erased, gone = take(maps, preference, self.choice.min_area, self.choice.max_area)
        return {"maps": maps, "erased": erased, "gone": gone, "seed": int(draws[0, 0] * 2.0**53)}

    def _uniforms(self, draws: int) -> NDArray[np.float64]:
        """Numbers in [0, 1) for a seed, the number of regions, a coin, and the order of K regions: (draws, 3 + K)."""
        device = None if self.generator is None else self.generator.device
        columns = 3 + len(self.choice.allowed)
        drawn = torch.rand(draws, columns, generator=self.generator, dtype=torch.float64, device=device)
        return drawn.cpu().numpy()


def _pair(flat: list[Any]) -> tuple[list[int], Tensor]:
    """Positions of the images in a flattened sample, and its region map."""
    tensors = [i for i, leaf in enumerate(flat) if isinstance(leaf, Tensor)]
    images = [i for i in tensors if isinstance(flat[i], IMAGE_TYPES)]
    images = images or [i for i in tensors if type(flat[i]) is Tensor][:1]
    masks = [flat[i] for i in tensors if isinstance(flat[i], MASK_TYPES)]
    masks = masks or [flat[i] for i in tensors if images and i != images[0] and _fits(flat[i], flat[images[0]])][:1]
    if not images or len(masks) != 1:
        raise TypeError(
            "FSErasing needs an image tensor (put v2.ToImage() before, for PIL and numpy images) and one region map, "
            f"an integer tensor or tv_tensors.Mask of the image's size; found {[_describe(leaf) for leaf in flat]}"
        )
    return images, masks[0]


def _fits(leaf: Tensor, image: Tensor) -> bool:
    lead, plane = image.shape[:-3], image.shape[-2:]
    whole = not (leaf.is_floating_point() or leaf.is_complex() or leaf.dtype is torch.bool)
    return whole and type(leaf) is Tensor and leaf.shape in (lead + plane, (*lead, 1, *plane))


def _describe(leaf: Any) -> str:
    return (
        f"{type(leaf).__name__} {leaf.dtype} {tuple(leaf.shape)}" if isinstance(leaf, Tensor) else type(leaf).__name__
    )

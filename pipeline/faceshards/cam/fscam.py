"""FS-CAM: which regions of a face a recognition model relies on.

From Kawai et al., IET Biometrics 2024: with ``M_k`` the mask of region ``k``, the score of a region is
``s_k = softmax(f(x * M_k))_c`` and the map is ``minmax(sum_k s_k M_k)``. The model is a black box.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceshards.cam.model import Model, clean_scores, device_of, inference, masked_scores, resolve_targets
from faceshards.cam.targets import OutputTarget, Targets
from faceshards.ops.erase_torch import areas_of, as_maps
from faceshards.ops.stand_in import StandIn, stand_in
from faceshards.records import Float32Array, UInt8Array
from faceshards.regions import N_REGIONS

Regions: TypeAlias = Tensor | NDArray[Any]
Mode: TypeAlias = Literal["keep", "erase"]


class FSCAM:
    """Saliency by face region, called like pytorch-grad-cam: ``cam(input_tensor, targets)``.

    Args:
        model: a torch module, or any callable on tensors (`faceshards.cam.model.numpy_model` for one on arrays).
        parser: makes the region maps from ``input_tensor`` where a call brings none.
        mode: ``"keep"`` shows the model one region at a time, as in the paper; ``"erase"`` takes one away at a time,
            and a region's score is how far the target drops.
        baseline: what hidden pixels become, see `faceshards.ops.stand_in`; 0 is the paper's mid-grey in [-1, 1].
        batch_size: most images that the model sees at once.
    """

    def __init__(
        self,
        model: Model,
        *,
        parser: Callable[[Tensor], Regions] | None = None,
        mode: Mode = "keep",
        baseline: StandIn = 0.0,
        batch_size: int = 64,
    ) -> None:
        if mode not in ("keep", "erase"):
            raise ValueError(f'mode is "keep" or "erase", not {mode!r}')
        self.model = model
        self.parser = parser
        self.mode = mode
        self.baseline = baseline
        self.batch_size = batch_size

    def __call__(
        self, input_tensor: Tensor, targets: Targets | None = None, *, regions: Regions | None = None
    ) -> Float32Array:
        """Saliency maps.

        Args:
            input_tensor: (B, C, H, W), as the model takes it.
            targets: see `faceshards.cam.targets.Targets`; None is the class that the model predicts.
            regions: (B, H, W) region ids; None calls the parser.

        Returns:
            (B, H, W) float32 in [0, 1]: 1 for the highest region of each face, 0 for the lowest and for ignored pixels,
            and 0 everywhere where all regions score alike.

        Raises:
            TargetError: `targets` are not one or one a face, or None where the model gives embeddings.
            ValueError: no regions and no parser, or maps of another size than the images.
        """
        maps = self._maps(input_tensor, regions)
        return _saliency(self._scores(input_tensor, maps, targets, self.baseline), maps)

    def region_scores(
        self, input_tensor: Tensor, targets: Targets | None = None, *, regions: Regions | None = None
    ) -> Float32Array:
        """The score of each region, arguments as for a call: (B, 25) float32, NaN where a face does not show it."""
        maps = self._maps(input_tensor, regions)
        scores: Float32Array = self._scores(input_tensor, maps, targets, self.baseline).cpu().numpy()
        return scores

    def attribute(
        self,
        inputs: Tensor,
        baselines: StandIn | None = None,
        target: int | list[int] | Tensor | None = None,
        *,
        feature_mask: Regions | None = None,
    ) -> Tensor:
        """Attributions in the manner of Captum: in mode ``"erase"``, those of its `FeatureAblation`.

        Args:
            inputs: (B, C, H, W).
            baselines: what hidden pixels become; None for the `baseline` of this object.
            target: index of the output, one or one a face; None where the model gives one number a face.
            feature_mask: (B, H, W) region maps, or one (1, H, W) for all; None calls the parser.

        Returns:
            (B, C, H, W): each pixel has the score of its region, ignored pixels 0.
        """
        maps = self._maps(inputs, feature_mask)
        index = 0 if target is None else target
        ids = [index] * len(inputs) if isinstance(index, int) else list(map(int, index))
        stand_ins = self.baseline if baselines is None else baselines
        scores = self._scores(inputs, maps, [OutputTarget(i) for i in ids], stand_ins)
        return _painted(scores.nan_to_num(0.0), maps)[:, None].to(inputs).expand_as(inputs).clone()

    def _maps(self, images: Tensor, regions: Regions | None) -> Tensor:
        if regions is None:
            if self.parser is None:
                raise ValueError("FSCAM needs region maps: pass regions=..., or FSCAM(model, parser=...)")
            regions = self.parser(images)
        given = torch.as_tensor(regions)
        return as_maps(given.expand(len(images), *given.shape[1:]), images)

    def _scores(self, images: Tensor, maps: Tensor, targets: Targets | None, baseline: StandIn) -> Tensor:
        """(B, 25) float32, NaN where a region is absent."""
        images = images.to(device_of(self.model, images))
        maps = maps.to(images.device)
        face, region = torch.from_numpy(np.argwhere(areas_of(maps) > 0)).to(images.device).unbind(1)
        keep = self.mode == "keep"

        def visible(part: Tensor) -> Tensor:
            return (maps[face[part]] == region[part, None, None]) == keep

        scores = torch.full((len(images), N_REGIONS), torch.nan, device=images.device)
        with inference(self.model):
            each = resolve_targets(self.model, images, targets, self.batch_size)
            stand_ins = stand_in(images, baseline).expand_as(images)
            scores[face, region] = masked_scores(self.model, images, stand_ins, each, face, visible, self.batch_size)
            if keep:
                return scores
            return clean_scores(self.model, images, each, self.batch_size)[:, None] - scores


def saliency_of_scores(scores: Float32Array, regions: UInt8Array) -> Float32Array:
    """The maps that a call of `FSCAM` gives, from its region scores.

    Args:
        scores: (B, 25), NaN where a region is absent.
        regions: (B, H, W) region ids.

    Returns:
        (B, H, W) float32 in [0, 1].
    """
    return _saliency(torch.from_numpy(scores), torch.from_numpy(regions))


def _saliency(scores: Tensor, maps: Tensor) -> Float32Array:
    low = scores.nan_to_num(torch.inf).amin(1, keepdim=True)
    high = scores.nan_to_num(-torch.inf).amax(1, keepdim=True)
    share = torch.where(high > low, (scores - low) / (high - low), 0.0)
    saliency: Float32Array = _painted(share.nan_to_num(0.0), maps).cpu().numpy()
    return saliency


def _painted(scores: Tensor, maps: Tensor) -> Tensor:
    """Each pixel the score of its region: (B, 25) and (B, H, W) uint8 to (B, H, W); ignored pixels 0."""
    table = torch.zeros(len(scores), 256, device=scores.device)
    table[:, :N_REGIONS] = scores
    return table.gather(1, maps.to(scores.device).flatten(1).long()).view(maps.shape)

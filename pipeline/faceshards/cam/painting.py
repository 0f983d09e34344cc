"""Scores of regions laid out as pixels."""

import numpy as np
import torch
from torch import Tensor

from faceshards.cam.given import as_array
from faceshards.errors import ParamsError
from faceshards.maps import known_ids
from faceshards.ops.tensor import tensor_of
from faceshards.records import Float32Array, UInt8Array
from faceshards.regions import N_REGIONS


def saliency_of_scores(scores: Float32Array, regions: UInt8Array) -> Float32Array:
    """The maps that a call of `FSCAM` gives, from its region scores.

        maps = saliency_of_scores(cam.region_scores(images, 3, regions=regions), regions)

    Args:
        scores: (B, 25), NaN where a region is absent.
        regions: (B, H, W) region ids, 0-24 or 255.

    Returns:
        (B, H, W) float32 in [0, 1].

    Raises:
        ParamsError: other shapes, or infinite scores.
        FaceError: ids of no region.
    """
    scores, regions = as_array(scores, "scores"), known_ids(as_array(regions, "regions"))
    if regions.ndim != 3 or scores.shape != (len(regions), N_REGIONS) or np.isinf(scores).any():
        raise ParamsError(
            f"scores: expected ({len(regions)}, {N_REGIONS}) finite numbers or NaN for maps (B, H, W), found "
            f"{scores.shape} for {regions.shape}, or infinity"
        )
    return saliency_of(tensor_of(scores), tensor_of(regions))


def saliency_of(scores: Tensor, maps: Tensor) -> Float32Array:
    """See `saliency_of_scores`; on tensors, scores of any floating dtype."""
    exact = scores.double()  # in which the difference of two float32 numbers does not overflow
    low = exact.nan_to_num(torch.inf).amin(1, keepdim=True)
    high = exact.nan_to_num(-torch.inf).amax(1, keepdim=True)
    share = torch.where(high > low, (exact - low) / (high - low), 0.0)
    saliency: Float32Array = painted(share.nan_to_num(0.0).float(), maps).cpu().numpy()
    return saliency


def painted(scores: Tensor, maps: Tensor) -> Tensor:
    """Each pixel the score of its region: (B, 25) and (B, H, W) uint8 to (B, H, W); ignored pixels 0."""
    table = scores.new_zeros(len(scores), 256)
    table[:, :N_REGIONS] = scores
    return table.gather(1, maps.to(scores.device).flatten(1).long()).view(maps.shape)

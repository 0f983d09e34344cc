"""How sure a parser is of the regions that it found: a pixel, a region, a face."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceshards.errors import ParserError
from faceshards.records import Float32Array, UInt8Array
from faceshards.regions import N_REGIONS

_DIGITS = 3
_WHOLE = 255


class Parsed(NamedTuple):
    """The regions of aligned faces, and how sure the network is of each pixel.

    Attributes:
        regions: (B, 112, 112) uint8, 0-24.
        probability: (B, 112, 112) uint8, of the pixel's region, in 255ths.
        agrees: (B, 112, 112) bool, whether the face alone and its mirror image alone give the same region; None where
            the network did not see the mirror image.
    """

    regions: UInt8Array
    probability: UInt8Array
    agrees: NDArray[np.bool_] | None

    @classmethod
    def of(cls, layers: UInt8Array) -> "Parsed":
        """From (B, L, 112, 112) layers, as `layers_of` makes them."""
        return cls(layers[:, 0], layers[:, 1], layers[:, 2].astype(np.bool_) if layers.shape[1] > 2 else None)


class Confidence(NamedTuple):
    """How sure a network is of whole faces: shares from 0 to 1, of three digits: processors differ in the last bits of
    logits, which shows in fewer of them than in those of four.

    Attributes:
        face: (B,) float32, mean probability of a pixel's region: the share of the pixels that should be right.
        region: (B, 25) float32, the same over the pixels of each region; NaN where the face has none.
        agreement: (B,) float32, share of the pixels on which the face and its mirror image agree; None as `Parsed`.
    """

    face: Float32Array
    region: Float32Array
    agreement: Float32Array | None


def confidence_of(parsed: Parsed) -> Confidence:
    """Sum up pixels. Sums of whole numbers, so that no order of adding shows in them."""
    shape = len(parsed.regions), N_REGIONS
    flat, sure = ([face.reshape(-1) for face in faces] for faces in (parsed.regions, parsed.probability))
    areas = np.array([np.bincount(face, minlength=N_REGIONS) for face in flat], np.int64).reshape(shape)
    pairs = zip(flat, sure, strict=True)
    sums = np.array([np.bincount(face, of, N_REGIONS) for face, of in pairs], np.int64).reshape(shape)
    return confidence_from(areas, sums, None if parsed.agrees is None else parsed.agrees.sum(axis=(1, 2)))


def confidence_from(
    areas: NDArray[np.int64], sums: NDArray[np.int64], agreeing: NDArray[np.int64] | None
) -> Confidence:
    """Confidence from what was counted.

    Args:
        areas: (B, 25) int64, pixels of each region; those of a face are all pixels of its image.
        sums: (B, 25) int64, of their probabilities in 255ths.
        agreeing: (B,) int64, pixels on which the face and its mirror image agree; None as `Parsed`.

    Example:
        >>> confidence_from(np.full((1, 25), 4), np.full((1, 25), 4 * 255), None).face
        array([1.], dtype=float32)
    """
    pixels = areas.sum(axis=1)
    with np.errstate(invalid="ignore"):
        region = sums / (_WHOLE * areas)
    agreement = None if agreeing is None else _rounded(agreeing / pixels)
    return Confidence(_rounded(sums.sum(axis=1) / (_WHOLE * pixels)), _rounded(region), agreement)


def layers_of(logits: Tensor, votes: Sequence[Tensor] = (), temperature: float | None = None) -> Tensor:
    """Regions and, where a temperature is given, how sure each pixel is.

    Args:
        logits: (B, 25, H, W), or the sum of the votes.
        votes: what the face alone and its mirror image alone gave, each (B, 25, H, W).
        temperature: what a single vote's logits are divided by to make their softmax a probability (Guo et al., ICML
            2017); None for the regions alone.

    Returns:
        (B, L, H, W) uint8: regions; then probability in 255ths; then, of several votes, whether they agree.

    Raises:
        ParserError: a logit is no finite number.
    """
    best, layers = unchecked_layers(logits, votes, temperature)
    if not best.isfinite().all():
        raise not_finite()
    return torch.stack(layers, dim=1)


def unchecked_layers(
    logits: Tensor, votes: Sequence[Tensor] = (), temperature: float | None = None
) -> tuple[Tensor, list[Tensor]]:
    """`layers_of` without looking at a value, for which a GPU would have to be waited for.

    Returns:
        (B, H, W) the greatest logit of each pixel, which is no finite number where one of them is not; and the layers,
        each (B, H, W) uint8.
    """
    best, regions = logits.max(dim=1)  # a NaN anywhere is the maximum
    layers = [regions]
    if temperature is not None:
        softness = temperature * max(1, len(votes))
        others = ((logits - best[:, None]).float() / softness).exp_().sum(dim=1)
        layers.append((_WHOLE / others).round_())
        if votes:
            winners = [vote.argmax(dim=1) for vote in votes]
            layers.append(torch.stack([winner == winners[0] for winner in winners]).all(dim=0))
    return best, [layer.to(torch.uint8) for layer in layers]


def not_finite(hint: str = "its weights are damaged, load others") -> ParserError:
    """The error of a network whose logits are no finite numbers."""
    return ParserError(f"the network gives values that are no finite numbers; {hint}")


def _rounded(shares: NDArray[np.float64]) -> Float32Array:
    return np.asarray(shares.round(_DIGITS), np.float32)

"""The training loss: class-weighted cross entropy plus soft Dice, so that eyes and lips count beside hair."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from faceshards.regions import IGNORE


class SegmentationLoss(nn.Module):
    """``cross_entropy(weights) + dice_weight * (1 - mean Dice over the classes in the batch)``.

    Weights alone would teach a network to see rare classes too often: at the optimum its probabilities are the true
    ones times the weights. So the weights' logarithms are added to the logits here, and the network's own logits are
    left unbiased (Menon et al., "Long-tail learning via logit adjustment", ICLR 2021).

    Soft Dice: Milletari et al., "V-Net", 3DV 2016. Pixels of 255 count nowhere.

    Args:
        class_weights: (C,) float32, of the cross entropy.
        dice_weight: of the Dice term.
    """

    class_weights: Tensor

    def __init__(self, class_weights: Tensor, dice_weight: float) -> None:
        super().__init__()
        self.register_buffer("class_weights", class_weights)
        self._dice_weight = dice_weight

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """(B, C, H, W) float32 logits and (B, H, W) int64 classes or 255 -> scalar."""
        logits = logits + self.class_weights.log().reshape(1, -1, 1, 1)
        loss = cross_entropy(logits, target, self.class_weights, ignore_index=IGNORE)
        return loss + self._dice_weight * soft_dice_loss(logits, target)


def soft_dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """1 - the mean, over classes with a pixel in `target`, of ``2 |p t| / (|p| + |t|)``; all sums over the batch."""
    valid = (target != IGNORE).unsqueeze(1)
    probability = logits.softmax(dim=1) * valid
    truth = torch.zeros_like(probability).scatter_(1, target.masked_fill(target == IGNORE, 0).unsqueeze(1), 1) * valid
    overlap = (probability * truth).sum(dim=(0, 2, 3))
    total = probability.sum(dim=(0, 2, 3)) + truth.sum(dim=(0, 2, 3))
    present = truth.sum(dim=(0, 2, 3)) > 0
    return 1 - (2 * overlap / total.clamp_min(1))[present].mean()


def balanced_weights(counts: Tensor) -> Tensor:
    """Cross-entropy weights from pixel counts: inverse square root of the frequency, 0.3 to 4, 1 for the average pixel.

    Args:
        counts: (C,) pixels of each class in the training data.

    Returns:
        (C,) float32.
    """
    share = counts.double() / counts.sum()
    weights = share.clamp_min(1e-6).rsqrt()
    weights = (weights / (weights * share).sum()).clamp(0.3, 4)
    return (weights / (weights * share).sum()).float()

import pytest
import torch

from faceshards.parsing.losses import SegmentationLoss, balanced_weights, soft_dice_loss


def _one_hot_logits(target: torch.Tensor, classes: int) -> torch.Tensor:
    return 50.0 * torch.nn.functional.one_hot(target, classes).permute(0, 3, 1, 2)


def test_a_perfect_prediction_costs_nothing() -> None:
    target = torch.arange(3).repeat(1, 4, 4)[:, :, :12]
    loss = SegmentationLoss(torch.ones(3), dice_weight=1.0)
    assert float(loss(_one_hot_logits(target, 3), target)) == pytest.approx(0, abs=1e-6)


def test_dice_of_a_wrong_prediction_is_one() -> None:
    target = torch.zeros(1, 4, 4, dtype=torch.int64)
    assert float(soft_dice_loss(_one_hot_logits(target + 1, 2), target)) == pytest.approx(1)


def test_ignored_pixels_change_neither_loss_nor_gradient() -> None:
    torch.manual_seed(0)
    target = torch.randint(0, 3, (2, 8, 8))
    target[:, :, 5:] = 255
    logits = torch.randn(2, 3, 8, 8)
    other = logits.clone()
    other[:, :, :, 5:] = 99 * torch.randn(2, 3, 8, 3)
    loss = SegmentationLoss(torch.tensor([1.0, 2.0, 3.0]), dice_weight=1.0)
    assert float(loss(logits, target)) == pytest.approx(float(loss(other, target)))
    logits.requires_grad_()
    loss(logits, target).backward()
    assert not logits.grad[..., 5:].any()


def test_rare_classes_weigh_more_within_bounds_and_the_average_pixel_weighs_one() -> None:
    counts = torch.tensor([900, 99, 1, 0])
    weights = balanced_weights(counts)
    assert weights[0] < weights[1] < weights[2] <= weights[3]
    assert float((weights * counts).sum() / counts.sum()) == pytest.approx(1)
    assert weights.max() / weights.min() < 14


def test_weights_do_not_make_a_network_see_rare_classes_too_often() -> None:
    target = torch.tensor([0] * 900 + [1] * 90 + [2] * 10).reshape(1, 1, -1)
    loss = SegmentationLoss(balanced_weights(torch.bincount(target.flatten())), dice_weight=0.0)
    logits = torch.zeros(1, 3, 1, 1, requires_grad=True)
    optimiser = torch.optim.LBFGS([logits], max_iter=100, line_search_fn="strong_wolfe")

    def step() -> torch.Tensor:
        optimiser.zero_grad()
        value = loss(logits.expand(1, 3, 1, 1000), target)
        value.backward()
        return value

    optimiser.step(step)
    assert logits.softmax(dim=1).flatten().tolist() == pytest.approx([0.9, 0.09, 0.01], rel=0.02)

"""A model is put in eval mode through its own train(), whatever is wrapped around it, and brought back."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from faceshards.cam import FSCAM


class Switches(nn.Module):
    """Adds noise unless its own train() was told that training is over, as nets that fold their branches do."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.noisy = net, True

    def train(self, mode: bool = True) -> "Switches":
        self.noisy = mode
        return super().train(mode)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x) + (torch.randn(len(x), 5) * 100 if self.noisy else 0)


class Frozen(nn.Module):
    """Keeps its batch norm in eval mode also while it trains."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.train()

    def train(self, mode: bool = True) -> "Frozen":
        super().train(mode)
        self.norm.eval()
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x)


@pytest.mark.parametrize("depth", ["outside", "inside"])
def test_a_module_with_its_own_train_is_told_and_told_back(network, noise, regions, depth) -> None:
    expected = FSCAM(network)(noise, 1, regions=regions)
    switches = Switches(network)
    model = switches if depth == "outside" else nn.Sequential(Frozen(), switches)
    for mode in (True, False):
        model.train(mode)
        before = [m.training for m in model.modules()]
        assert np.allclose(FSCAM(model)(noise, 1, regions=regions), expected, atol=1e-4)
        assert switches.noisy is mode
        assert [m.training for m in model.modules()] == before
    model.eval()
    switches.train()
    FSCAM(model)(noise, 1, regions=regions)
    assert switches.noisy
    assert not model.training or depth == "outside"


def test_what_is_set_without_train_is_told_back_too(network, noise, regions) -> None:
    model = nn.Sequential(Frozen(), Switches(network)).train()
    model[1].net.eval()
    before = [m.training for m in model.modules()]
    FSCAM(model)(noise, 1, regions=regions)
    assert [m.training for m in model.modules()] == before
    assert model[1].noisy


@pytest.mark.parametrize("wrap", [partial, lambda m: partial(m.forward), lambda m: partial(partial(m))])
def test_a_module_in_a_partial_is_run_in_eval_mode(network, noise, regions, wrap) -> None:
    model = nn.Sequential(network, nn.Dropout(0.5)).eval()
    expected = FSCAM(model)(noise, 1, regions=regions)
    model.train()
    assert np.array_equal(FSCAM(wrap(model))(noise, 1, regions=regions), expected)
    assert model.training


def test_a_target_that_writes_into_the_output_changes_no_model(noise, regions) -> None:
    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.arange(1.0, 6))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.weight.expand(len(x), 5)

    model = Constant()
    scores = FSCAM(model).region_scores(noise, lambda o: o.mul_(2)[1], regions=regions)
    assert torch.equal(model.weight.detach(), torch.arange(1.0, 6))
    assert set(scores[np.isfinite(scores)].tolist()) == {4.0}

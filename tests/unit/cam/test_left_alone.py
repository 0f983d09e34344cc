"""What a call leaves behind: nothing. Modes, hooks, gradients, images and maps are as they were, whatever happened."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from faceshards.cam import FSCAM, CosineTarget, numpy_model, perturbation_curves


class Stops(nn.Module):
    """Raises at the pass of that number, on the way through a net."""

    def __init__(self, at: int, error: BaseException) -> None:
        super().__init__()
        self.passes, self.at, self.error = 0, at, error

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.passes += 1
        if self.passes == self.at:
            raise self.error
        return x


def net(*behind: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(1440, 10), nn.BatchNorm1d(10), nn.Dropout(), *behind
    )


@pytest.mark.parametrize("at", [1, 2, 4])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("broken"), SystemExit(1)], ids=repr)
def test_an_interrupted_call_leaves_the_model_as_it_was(noise, regions, at, error) -> None:
    model = net(Stops(at, error), nn.Linear(10, 5))
    model.train()
    model[3].eval()
    model[4].eval()
    modes = [m.training for m in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    calls = (
        lambda: FSCAM(model, batch_size=4)(noise, regions=regions),
        lambda: FSCAM(model, batch_size=2, mode="erase").attribute(noise, feature_mask=regions),
        lambda: perturbation_curves(model, noise, np.zeros((3, 24, 20)), batch_size=2),
    )
    for call in calls:
        model[5].passes = 0
        with pytest.raises((KeyboardInterrupt, RuntimeError, SystemExit)):
            call()
        assert [m.training for m in model.modules()] == modes
        assert torch.is_grad_enabled()
        assert not any(m._forward_hooks for m in model.modules())
        assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_a_method_of_a_module_is_run_in_eval_mode_too(noise, regions) -> None:
    model = net(nn.Linear(10, 5)).train()
    first = FSCAM(model.forward)(noise, regions=regions)
    assert model.training
    assert np.array_equal(first, FSCAM(model.forward)(noise, regions=regions))
    assert np.array_equal(first, FSCAM(model)(noise, regions=regions))
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("mode", ["keep", "erase"])
def test_a_model_that_writes_into_its_input_changes_neither_images_nor_answer(network, noise, regions, mode) -> None:
    network(noise)

    def careless(x: torch.Tensor) -> torch.Tensor:
        return network(x.mul_(2).sub_(1))

    before = noise.clone()
    found = FSCAM(careless, mode=mode).region_scores(noise, regions=regions)
    assert torch.equal(noise, before)
    pure = lambda x: network(x * 2 - 1)  # noqa: E731 (it reads best here)
    assert np.allclose(found, FSCAM(pure, mode=mode).region_scores(noise, regions=regions), equal_nan=True)
    on_arrays = numpy_model(lambda x: careless(torch.from_numpy(x)))
    assert np.allclose(found, FSCAM(on_arrays, mode=mode).region_scores(noise, regions=regions), equal_nan=True)
    assert torch.equal(noise, before)


@pytest.mark.parametrize("mode", ["keep", "erase"])
def test_a_model_that_gives_the_same_memory_again_is_read_in_time(network, noise, regions, mode) -> None:
    buffer = torch.zeros(3, 5)

    def reuses(x: torch.Tensor) -> torch.Tensor:
        buffer[: len(x)] = network(x)
        return buffer[: len(x)]

    found = FSCAM(reuses, mode=mode, batch_size=2)
    expected = FSCAM(network, mode=mode, batch_size=2)
    for targets in (None, 1):
        assert np.array_equal(
            found.region_scores(noise, targets, regions=regions),
            expected.region_scores(noise, targets, regions=regions),
            equal_nan=True,
        )
    for target in (None, 1):
        ours = found.attribute(noise, target=target, feature_mask=regions)
        assert torch.equal(ours, expected.attribute(noise, target=target, feature_mask=regions))


def test_a_parser_that_writes_into_the_images_changes_nothing(network, noise, regions) -> None:
    def parse(x: torch.Tensor) -> torch.Tensor:
        x.zero_()
        return regions

    assert np.array_equal(FSCAM(network, parser=parse)(noise, 0), FSCAM(network)(noise, 0, regions=regions))


def test_images_that_want_gradients_or_come_of_inference_mode_are_taken(network, noise, regions) -> None:
    expected = FSCAM(network, baseline="blur")(noise, regions=regions)
    wants = noise.clone().requires_grad_()
    assert np.array_equal(FSCAM(network, baseline="blur")(wants, regions=regions), expected)
    assert wants.grad is None
    with torch.inference_mode():
        frozen = noise.clone()
    assert np.array_equal(FSCAM(network, baseline="blur")(frozen, regions=regions), expected)
    attributions = FSCAM(network).attribute(wants, target=0, feature_mask=regions)
    assert not attributions.requires_grad
    attributions += 1  # memory of its own


def test_results_share_no_memory_with_what_was_given(network, noise, regions) -> None:
    attributions = FSCAM(network).attribute(noise, target=0, feature_mask=regions)
    attributions[0, 0] += 1
    assert not torch.equal(attributions[0, 0], attributions[0, 1])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TorchScript is deprecated, and still what people have
@pytest.mark.parametrize("kind", ["script", "trace", "frozen"])
def test_torchscript_is_explained_as_the_module_it_was_made_of(noise, regions, kind) -> None:
    plain = net(nn.Linear(10, 5)).eval()
    expected = FSCAM(plain)(noise, regions=regions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = torch.jit.trace(plain, noise) if kind == "trace" else torch.jit.script(plain)
        if kind == "frozen":
            made = torch.jit.freeze(made)
    if kind == "script":
        made.train()
    assert np.allclose(FSCAM(made)(noise, regions=regions), expected, atol=1e-5)
    if kind == "script":
        assert all(m.training for m in made.modules())


def test_compiled_and_wrapped_modules_are_run_in_eval_mode(noise, regions) -> None:
    plain = net(nn.Linear(10, 5))
    wrapped = nn.Sequential(plain.train())
    assert np.array_equal(FSCAM(wrapped)(noise, regions=regions), FSCAM(plain)(noise, regions=regions))
    assert plain.training


def test_a_reference_is_not_changed_by_those_who_change_theirs(network, noise, regions) -> None:
    mine = torch.arange(1.0, 6)
    target = CosineTarget(mine)
    expected = FSCAM(network)(noise, target, regions=regions)
    mine.zero_()
    assert np.array_equal(FSCAM(network)(noise, target, regions=regions), expected)

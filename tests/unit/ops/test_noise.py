from collections.abc import Callable

import numpy as np
import pytest
import torch

from faceshards.ops.noise import HostNoise, Noise, _DeviceNoise, noise, normal_quantiles

CPU = torch.device("cpu")


def distance_to_normal(numbers: np.ndarray) -> float:
    """The greatest difference of the numbers' distribution from N(0, 1)'s: the statistic of Kolmogorov and Smirnov."""
    below = torch.special.ndtr(torch.from_numpy(np.sort(numbers.ravel())).double()).numpy()
    steps = np.arange(len(below) + 1) / len(below)
    return float(max((steps[1:] - below).max(), (below - steps[:-1]).max()))


@pytest.fixture(params=[noise, _DeviceNoise], ids=["host", "device"])
def make(request: pytest.FixtureRequest) -> Callable[[int, torch.device], Noise]:
    """Both ways to make noise; a device's works on the CPU as well."""
    return request.param


def test_the_quantiles_are_those_of_a_normal_distribution_to_within_one_in_65536() -> None:
    quantiles = normal_quantiles().astype(np.float64)
    assert len(quantiles) == 65536
    assert (np.diff(quantiles) > 0).all()
    assert abs(quantiles.mean()) < 1e-7
    assert abs(quantiles.var() - 1) < 1e-6
    assert 4.3 <= quantiles.max() < 4.4
    assert distance_to_normal(normal_quantiles()) < 2**-16


def test_every_quantile_is_as_likely_as_any_other() -> None:
    times = np.bincount(HostNoise(1).ranks(65536 * 32), minlength=65536)
    chi_square = ((times - 32) ** 2 / 32).sum()
    assert abs(chi_square - 65535) < 4 * (2 * 65535) ** 0.5


def test_noise_is_normal_and_its_numbers_have_nothing_to_do_with_each_other(
    make: Callable[[int, torch.device], Noise],
) -> None:
    numbers = make(5, CPU).normal(3, 100_000).numpy()
    assert numbers.dtype == np.float32
    assert (
        distance_to_normal(numbers) < 1.95 / numbers.size**0.5
    )  # of a thousand samples of N(0, 1), one is farther off
    assert np.abs(np.corrcoef(numbers) - np.eye(3)).max() < 0.015
    for lag in (1, 2, 3, 4):  # four numbers come of one word
        assert abs(np.corrcoef(numbers[0, lag:], numbers[0, :-lag])[0, 1]) < 0.015


def test_every_byte_is_as_likely_as_any_other(make: Callable[[int, torch.device], Noise]) -> None:
    octets = make(5, CPU).octets(3, 100_001)
    assert octets.dtype is torch.uint8
    assert octets.shape == (3, 100_001)
    expected = octets.numel() / 256
    chi_square = (np.bincount(octets.numpy().ravel(), minlength=256) - expected) ** 2 / expected
    assert abs(chi_square.sum() - 255) < 4 * (2 * 255) ** 0.5
    assert np.abs(np.corrcoef(octets.numpy()) - np.eye(3)).max() < 0.015


def test_neighbouring_seeds_give_other_noise() -> None:
    numbers = np.stack([noise(seed, CPU).normal(1, 2000)[0].numpy() for seed in range(50)])
    assert np.abs(np.corrcoef(numbers) - np.eye(50)).max() < 0.12
    assert abs(numbers[:, 0].mean()) < 0.6


def test_a_stream_goes_on_and_begins_anew_with_its_seed(make: Callable[[int, torch.device], Noise]) -> None:
    source = make(5, CPU)
    first, second = source.normal(3, 50), source.normal(3, 50)
    assert not torch.equal(first, second)
    assert torch.equal(make(5, CPU).normal(3, 50), first)
    assert not torch.equal(make(6, CPU).normal(3, 50), first)


def test_coins_are_fair(make: Callable[[int, torch.device], Noise]) -> None:
    coins = make(5, CPU).coins(100_001)
    assert coins.dtype is torch.bool
    assert len(coins) == 100_001
    assert abs(coins.float().mean().item() - 0.5) < 0.01

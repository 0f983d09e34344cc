"""Noise of one seed: N(0, 1) numbers, bytes and fair coins, made where they are needed.

On a device torch makes them. On the CPU, where N(0, 1) would take more time than all else, 16 random bits choose one of
65,536 equally likely numbers: its quantiles.
"""

from functools import cache
from typing import Literal, Protocol, cast

import numpy as np
import torch
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import DTypeLike, NDArray
from torch import Tensor


class Noise(Protocol):
    """A stream of random numbers."""

    def normal(self, rows: int, columns: int) -> Tensor:
        """The next N(0, 1) numbers: (rows, columns) float32."""

    def octets(self, rows: int, columns: int) -> Tensor:
        """The next bytes: (rows, columns) uint8, uniform over 0 to 255."""

    def coins(self, count: int) -> Tensor:
        """The next fair coins: (count,) bool."""


def noise(seed: int, device: torch.device) -> Noise:
    """The noise of a seed of 0 to 2**64 - 1: the same whenever it is made on a device of one type."""
    return _OfArrays(HostNoise(seed)) if device.type == "cpu" else _DeviceNoise(seed, device)


@cache
def normal_quantiles() -> NDArray[np.float32]:
    """(65536,) ascending numbers of mean 0 and variance 1: the middles of equally likely slices of N(0, 1).

    Their distribution is within 2**-16 of N(0, 1) everywhere; the greatest is 4.3.
    """
    middles = (torch.arange(65536, dtype=torch.float64) + 0.5) / 65536
    quantiles = torch.special.ndtri(middles)
    table: NDArray[np.float32] = (quantiles / quantiles.std(correction=0)).float().numpy()
    return table


_UINT64, _UINT16 = np.dtype("<u8"), np.dtype("<u2")  # the same numbers whatever the machine's byte order


class HostNoise:
    """`Noise` as arrays, by SFC64 (Doty-Humphrey, PractRand), the fastest of numpy's generators."""

    def __init__(self, seed: int) -> None:
        # numpy takes every ISeedSequence, but its type says otherwise
        self._bits = np.random.SFC64(cast(np.random.SeedSequence, _ThreeTimes(seed)))

    def normal(self, rows: int, columns: int, order: Literal["C", "F"] = "C") -> NDArray[np.float32]:
        """See `Noise`; `order` is that of their memory, as numpy names it."""
        ranks = self.ranks(rows * columns).reshape(rows, columns)
        if order == "F":
            return normal_quantiles().take(ranks.T, mode="wrap").T
        return normal_quantiles().take(ranks, mode="wrap")

    def octets(self, rows: int, columns: int) -> NDArray[np.uint8]:
        """See `Noise`."""
        count = rows * columns
        return self._words(-(-count // 8)).view(np.uint8)[:count].reshape(rows, columns)

    def coins(self, count: int) -> NDArray[np.bool_]:
        """See `Noise`."""
        return (self.ranks(count) & 1).astype(np.bool_)

    def ranks(self, count: int) -> NDArray[np.uint16]:
        """The next places of N(0, 1) numbers in `normal_quantiles`: (count,), all equally likely."""
        return self._words(-(-count // 4)).view(_UINT16)[:count]

    def _words(self, count: int) -> NDArray[np.uint64]:
        words: NDArray[np.uint64] = self._bits.random_raw(count)
        return words.astype(_UINT64, copy=False)


class _ThreeTimes(ISeedSequence):
    """SFC64's state of three words as its author makes it of one; numpy's own way takes longer than a face's noise."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def generate_state(self, n_words: int, dtype: DTypeLike = np.uint32) -> NDArray[np.uint32 | np.uint64]:
        return np.full(n_words, self._seed, dtype)


class _OfArrays:
    def __init__(self, of: HostNoise) -> None:
        self._of = of

    def normal(self, rows: int, columns: int) -> Tensor:
        return torch.from_numpy(self._of.normal(rows, columns))

    def octets(self, rows: int, columns: int) -> Tensor:
        return torch.from_numpy(self._of.octets(rows, columns))

    def coins(self, count: int) -> Tensor:
        return torch.from_numpy(self._of.coins(count))


class _DeviceNoise:
    def __init__(self, seed: int, device: torch.device) -> None:
        self._generator = torch.Generator(device).manual_seed(seed)

    def normal(self, rows: int, columns: int) -> Tensor:
        return torch.randn(rows, columns, generator=self._generator, device=self._generator.device)

    def octets(self, rows: int, columns: int) -> Tensor:
        device = self._generator.device
        return torch.randint(256, (rows, columns), generator=self._generator, device=device, dtype=torch.uint8)

    def coins(self, count: int) -> Tensor:
        return torch.rand(count, generator=self._generator, device=self._generator.device) < 0.5

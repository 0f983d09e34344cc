"""What random draws depend on: the epoch, or the visit where nobody counts epochs."""

import random
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from multiprocessing.context import get_spawning_popen
from multiprocessing.sharedctypes import RawValue
from types import SimpleNamespace
from typing import Any, Protocol

from faceshards.rng import UInt64Array, fold, sample_keys, words


class Stream(IntEnum):
    """Kinds of draws, which keep those of one seed apart."""

    ORDER = 1
    VARIANT = 2
    SHARDS = 3
    CHUNKS = 4
    MIX = 5
    ERASE = 6


class Draws(Protocol):
    """Gives each sample that is looked at the key of what is drawn for it."""

    def keys(self, sample_ids: Sequence[str], stream: Stream) -> UInt64Array:
        """(n,) uint64, one a sample; for draws of one kind."""
        ...


@dataclass(frozen=True, slots=True)
class EpochDraws:
    """Draws that follow from seed, epoch and sample id: the same in whatever batch, worker or order a sample comes.

    Attributes:
        seed: 0 or more.
        epoch: 0 or more.
    """

    seed: int
    epoch: int

    def keys(self, sample_ids: Iterable[str], stream: Stream) -> UInt64Array:
        """See `Draws`."""
        return fold(sample_keys(sample_ids), self.seed, stream, self.epoch)


@dataclass(frozen=True, slots=True)
class VisitDraws:
    """Draws of their own for every visit, as torchvision's transforms make them.

    Attributes:
        seed: of this one look at some samples; see `fresh_seed`.
    """

    seed: int

    def keys(self, sample_ids: Sequence[str], stream: Stream) -> UInt64Array:
        """See `Draws`. A sample that comes twice is drawn for twice."""
        return fold(words(self.seed, len(sample_ids)), stream)


def fresh_seed() -> int:
    """A seed of 63 bits that follows torch's global seed where torch is loaded, and else that of the module `random`.

    A DataLoader seeds torch anew in each worker and epoch.
    """
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "randint"):
        return int(torch.randint(2**63 - 1, ()))
    return random.getrandbits(63)


class SharedEpoch:
    """The number of an epoch that processes share: set in one, it is seen in workers that it started before."""

    _UNSET = -1

    def __init__(self, epoch: int | None = None) -> None:
        value = self._UNSET if epoch is None else epoch
        try:
            self._value: Any = RawValue("q", value)
        except OSError:  # a /dev/shm and a temporary folder that cannot be written
            self._value = SimpleNamespace(value=value)

    def __reduce__(self) -> tuple[Any, ...]:
        # A process that is being started gets the memory itself; a copy made for anything else is a copy.
        if get_spawning_popen() is None:
            return SharedEpoch, (self.get(),)
        return _sharing, (self._value,)

    def get(self) -> int | None:
        """The number; None as long as nobody has set one."""
        epoch = int(self._value.value)
        return None if epoch == self._UNSET else epoch

    def set(self, epoch: int) -> None:
        """Make it another number."""
        self._value.value = epoch


def _sharing(value: Any) -> SharedEpoch:
    shared = SharedEpoch.__new__(SharedEpoch)
    shared._value = value
    return shared

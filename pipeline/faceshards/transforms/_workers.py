"""Draws of their own for DataLoader workers.

A worker gets a copy of everything that its data set holds, random generators too. So all workers would draw the same,
and in every epoch the same again, for nothing in the main process advances. Here a worker seeds its copies anew from
what they were and from `WorkerInfo.seed`, which a DataLoader draws for each worker and epoch from torch's global
generator or its own. Draws stay a function of both seeds. A persistent worker goes on with its numbers from epoch to
epoch.

Which generators are copies? Those that were watched before the fork, and those that were pickled. Somebody has seeded
one since where it no longer has the seed that it came with: to draw, to copy it, and to set its state keep that seed.
Of a generator that nobody knew before the fork nothing tells whether it is a copy, so it is taken for one.
"""

import os
import warnings
from hashlib import blake2b
from multiprocessing.reduction import ForkingPickler
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import torch
from torch.utils.data import get_worker_info

from faceshards.errors import ParamsError

_watched: WeakSet[torch.Generator] = WeakSet()
_copies: WeakKeyDictionary[torch.Generator, int] = WeakKeyDictionary()  # to the seed that each arrived with
_settled: WeakSet[torch.Generator] = WeakSet()  # in a worker: set apart, or seeded by somebody
_seeds: set[int] = set()  # that were set here


def watch(generator: torch.Generator) -> None:
    """Know of a generator, so that its copy in a process that is forked is known as one.

    Raises:
        ParamsError: it is no generator.
    """
    if not isinstance(generator, torch.Generator):
        raise ParamsError(f"generator must be a torch.Generator or None, found {generator!r}")
    _watched.add(generator)


def seed_in_worker(generator: torch.Generator) -> None:
    """Call before each draw: in a worker, the first one seeds a copy anew.

    A copy that somebody has seeded since it came there is left as it is. In another process than a DataLoader's worker
    there is no seed to mix in, and a copy draws what all other copies do: the first draw warns.

    Raises:
        ParamsError: a generator of another device than the CPU, in a worker.
    """
    if generator in _settled or generator is torch.default_generator:
        return
    worker = get_worker_info()
    if worker is None:
        if _copies.pop(generator, None) == generator.initial_seed():
            warnings.warn(
                "generator came from another process as a copy, and every process that has one draws the same from it; "
                "seed it in each by generator.manual_seed(...). Only workers of a DataLoader are set apart by "
                "themselves",
                stacklevel=4,
            )
        return
    if generator.device.type != "cpu":
        raise ParamsError(
            f"generator is on {generator.device}, which a DataLoader worker cannot draw from; make it on the CPU, by "
            "torch.Generator(), or erase batches in the main process"
        )
    seed = generator.initial_seed()
    if seed not in _seeds and _copies.get(generator, seed) == seed:
        generator.manual_seed(mixed(generator.get_state().numpy().tobytes(), worker.seed))
        _seeds.add(generator.initial_seed())
    _settled.add(generator)


def mixed(of: bytes, seed: int) -> int:
    """A seed of 63 bits that depends on both."""
    digest = blake2b(of + seed.to_bytes(16, "little", signed=True), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def _arrived(generator: torch.Generator) -> None:
    if generator.device.type == "cpu":
        _copies[generator] = generator.initial_seed()


def _after_fork() -> None:
    _settled.clear()
    _seeds.clear()
    for generator in _watched:
        _arrived(generator)


def _sent(generator: torch.Generator) -> tuple[Any, ...]:
    if generator.device.type != "cpu":
        return generator.__reduce__()
    return _received, (generator.get_state().numpy().tobytes(),)


def _received(state: bytes) -> torch.Generator:
    generator = torch.Generator()
    generator.set_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
    watch(generator)
    _arrived(generator)
    return generator


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_after_fork)
# torch sends the state of a generator to a spawned process in shared memory, which is gone when it is looked for: seen
# with torch 2.13, "unable to resize file". As bytes it arrives, and is known as a copy.
ForkingPickler.register(torch.Generator, _sent)

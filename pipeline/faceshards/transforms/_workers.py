"""Draws of their own for DataLoader workers.

A worker gets a copy of everything that its data set holds, random generators too. So all workers would draw the same,
and in every epoch the same again, for nothing in the main process advances. Here a worker seeds its copies anew from
what they were and from `WorkerInfo.seed`, which a DataLoader draws for each worker and epoch from torch's global
generator or its own. Draws stay a function of both seeds. A persistent worker goes on with its numbers from epoch to
epoch.
"""

import os
from hashlib import blake2b
from multiprocessing.reduction import ForkingPickler
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from faceshards.errors import ParamsError

_watched: WeakSet[torch.Generator] = WeakSet()
_copies: WeakKeyDictionary[torch.Generator, Tensor] = WeakKeyDictionary()  # to the state that each arrived in


def watch(generator: torch.Generator) -> None:
    """Know of a generator, so that its copy in a process that is forked is known as one."""
    _watched.add(generator)


def seed_in_worker(generator: torch.Generator) -> None:
    """Call before each draw: in a worker, the first one seeds a copy anew.

    A generator that was made in the worker, or seeded by anybody since it came there, is left as it is.

    Raises:
        ParamsError: a generator of another device than the CPU, in a worker.
    """
    worker = get_worker_info()
    if worker is None:
        return
    if generator.device.type != "cpu":
        raise ParamsError(
            f"generator is on {generator.device}, which a DataLoader worker cannot draw from; make it on the CPU, by "
            "torch.Generator(), or erase batches in the main process"
        )
    state = _copies.pop(generator, None)
    if state is not None and torch.equal(state, generator.get_state()):
        generator.manual_seed(mixed(state.numpy().tobytes(), worker.seed))


def mixed(of: bytes, seed: int) -> int:
    """A seed of 63 bits that depends on both."""
    digest = blake2b(of + seed.to_bytes(16, "little", signed=True), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def _arrived(generator: torch.Generator) -> None:
    if generator.device.type == "cpu":
        _copies[generator] = generator.get_state()


def _after_fork() -> None:
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

"""A network on a batch of one size, made ready: recorded as a CUDA graph, compiled, or called as it is."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn

from faceshards.parsing.devicesteps import DeviceSteps, Found
from faceshards.parsing.slots import Lane
from faceshards.parsing.unet import SIZE

_log = logging.getLogger(__name__)

_WARM_UPS = {"cuda": 3}
"""Passes before a graph is recorded, in which libraries choose their algorithms and take memory; elsewhere one."""

Compiled = Literal["nothing", "head", "all"]


@dataclass(frozen=True)
class Making:
    """How a network runs on a device. It decides the speed; `compiled` also how floats are rounded.

    Attributes:
        batch: faces in each pass, always; a short last batch is filled up with black ones.
        graph: record the work of a pass once as a CUDA graph and replay it, which saves the host some 300 launches.
        compiled: what `torch.compile` makes faster: nothing, the head (logits to regions), or the network too.
        channels_last: keep the channels of a pixel side by side.
        fastest: let cuDNN time its algorithms and take the fastest, which may be another one in the next run.
    """

    batch: int = 256
    graph: bool = True
    compiled: Compiled = "nothing"
    channels_last: bool = True
    fastest: bool = False


@contextmanager
def exact(making: Making) -> Iterator[None]:
    """Let cuDNN take algorithms that give the same bytes each time, and no TF32 where fp32 is asked for."""
    with torch.backends.cudnn.flags(
        enabled=True, benchmark=making.fastest, deterministic=not making.fastest, allow_tf32=False
    ):
        yield


def made_ready(steps: DeviceSteps, making: Making, device: torch.device, lane: Lane) -> Callable[[Tensor], Found]:
    """A function of (batch, 112, 112, 3) uint8 on the device, to be called within `lane`, by one thread at a time.

    What it returns is valid until the next call. What fails to compile or to be recorded runs as it is, and a warning
    says so.

    Raises:
        torch.OutOfMemoryError: the device does not hold a batch of this size.
    """
    with lane():
        faces = torch.zeros(making.batch, SIZE, SIZE, 3, dtype=torch.uint8, device=device)

    def warm_up(run: Callable[[Tensor], Found]) -> Found:
        with lane(), torch.no_grad():
            for _ in range(_WARM_UPS.get(device.type, 1)):
                found = run(faces)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return found

    @torch.no_grad()
    def plain(batch: Tensor) -> Found:
        with exact(making):
            found: Found = steps(batch)
            return found

    run: Callable[[Tensor], Found] = plain
    if making.compiled != "nothing":
        run = _compiled(steps, making, plain, warm_up)
    warm_up(run)
    if making.graph and device.type == "cuda":
        return _recorded(run, faces, lane, device)
    return run


def _compiled(
    steps: DeviceSteps,
    making: Making,
    plain: Callable[[Tensor], Found],
    warm_up: Callable[[Callable[[Tensor], Found]], Found],
) -> Callable[[Tensor], Found]:
    whole = making.compiled == "all"
    part: nn.Module = steps if whole else steps.head
    compiled = cast(nn.Module, torch.compile(part, dynamic=False, fullgraph=True))
    fast: nn.Module = compiled if whole else DeviceSteps(steps.network, compiled, channels_last=making.channels_last)

    @torch.no_grad()
    def run(batch: Tensor) -> Found:
        with exact(making):
            found: Found = fast(batch)
            return found

    try:
        warm_up(run)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # of many classes: no compiler, no Triton, a kernel that cannot be built
        _log.warning(
            "torch.compile failed, so the parser runs without it: slower, and some pixels in a million may differ (%s)",
            _first_line(error),
        )
        return plain
    return run


def _recorded(
    run: Callable[[Tensor], Found], faces: Tensor, lane: Lane, device: torch.device
) -> Callable[[Tensor], Found]:
    torch.cuda.empty_cache()  # what the warm-up used; the graph has memory of its own
    graph = torch.cuda.CUDAGraph()
    try:
        # Other threads of this process may pin memory meanwhile, which is none of this graph's business.
        with torch.cuda.graph(graph, stream=lane.stream, capture_error_mode="thread_local"):
            found = run(faces)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        _log.warning(
            "the parser could not be recorded as a CUDA graph, so it is launched kernel by kernel: the same regions, "
            "slower (%s)",
            _first_line(error),
        )
        torch.cuda.synchronize(device)
        return run
    torch.cuda.synchronize(device)

    def replay(batch: Tensor) -> Found:
        faces.copy_(batch)
        graph.replay()
        return found

    return replay


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"

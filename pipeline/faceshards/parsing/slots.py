"""Batches under way between host and device: page-locked memory, copies beside the network, and when each is over."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceshards.parsing.devicesteps import TALLIES, Found
from faceshards.parsing.unet import SIZE
from faceshards.records import UInt8Array


class Mark:
    """A point in a device's work; on the CPU, which does everything at once, it is always passed.

    Args:
        device: whose work.
        timed: it is to tell times. It costs a little.
    """

    def __init__(self, device: torch.device, *, timed: bool = False) -> None:
        # Blocking: a thread that waits leaves its core to those that decode.
        self._event: Any = torch.cuda.Event(enable_timing=timed, blocking=True) if device.type == "cuda" else None

    def set(self, lane: "Lane") -> None:
        """All that the lane was given so far lies before it."""
        if self._event is not None:
            self._event.record(lane.stream)

    def hold(self, lane: "Lane") -> None:
        """What the lane is given from now on waits for it; the host does not."""
        if self._event is not None:
            lane.stream.wait_event(self._event)

    def wait(self) -> None:
        """The host waits for it."""
        if self._event is not None:
            self._event.synchronize()

    def seconds_since(self, other: "Mark") -> float:
        """From another mark, which lies before it, on the device's clock; both are timed and passed. 0 on the CPU."""
        if self._event is None or other._event is None:
            return 0.0
        return float(other._event.elapsed_time(self._event)) / 1e3


class Lane:
    """What a device does in order; beside it, it does what stands in other lanes. On the CPU, the calling thread."""

    def __init__(self, device: torch.device) -> None:
        self.stream: Any = torch.cuda.Stream(device) if device.type == "cuda" else None

    def __call__(self) -> AbstractContextManager[Any]:
        """A context whose work goes into this lane."""
        return nullcontext() if self.stream is None else torch.cuda.stream(self.stream)


class Lanes(NamedTuple):
    """Those of one device.

    Attributes:
        there: copies to the device.
        work: the network.
        back: copies to the host.
    """

    there: Lane
    work: Lane
    back: Lane

    @classmethod
    def of(cls, device: torch.device) -> "Lanes":
        """New ones."""
        return cls(Lane(device), Lane(device), Lane(device))


class Slot:
    """Memory for one batch on its way, on both sides. It belongs to one batch from `send` to `take`.

    Args:
        device: where the network is.
        batch: faces.
        layers: how many the network gives.
        timed: note how long the network took.
    """

    def __init__(self, device: torch.device, batch: int, layers: int, *, timed: bool = False) -> None:
        pinned = device.type == "cuda"
        shapes: dict[str, tuple[tuple[int, ...], torch.dtype]] = {
            "faces": ((batch, SIZE, SIZE, 3), torch.uint8),
            "layers": ((layers, batch, SIZE, SIZE), torch.uint8),
            "tallies": ((batch, TALLIES), torch.int32),
        }
        self._host = {name: torch.zeros(s, dtype=d, pin_memory=pinned) for name, (s, d) in shapes.items()}
        self._there = {name: torch.empty(s, dtype=d, device=device) for name, (s, d) in shapes.items()}
        self._pixels: UInt8Array = self._host["faces"].numpy()  # the same memory
        self._sent, self._back = Mark(device), Mark(device)
        self._begun, self._made = Mark(device, timed=timed), Mark(device, timed=timed)
        self._timed = timed
        self._taken = 0
        self._layers = 0

    def fill(self, views: Sequence[UInt8Array]) -> None:
        """Copy faces into the page-locked memory, one view after the other, and black ones behind them."""
        at = 0
        for view in views:
            self._pixels[at : at + len(view)] = view
            at += len(view)
        self._pixels[at:] = 0
        self._taken = at

    def send(self, lanes: Lanes, run: Callable[[Tensor], Found], *, all_layers: bool) -> None:
        """Queue the copy there, the network, and the copy back of the first layer or of all; return at once."""
        with lanes.there():
            self._there["faces"].copy_(self._host["faces"], non_blocking=True)
            self._sent.set(lanes.there)
        with lanes.work():
            self._sent.hold(lanes.work)
            self._begun.set(lanes.work)
            found = run(self._there["faces"])
            # The network's own output is written over by the next batch.
            self._layers = len(found.layers) if all_layers else 1
            self._there["layers"][: self._layers].copy_(found.layers[: self._layers])
            self._there["tallies"].copy_(found.tallies)
            self._made.set(lanes.work)
        with lanes.back():
            self._made.hold(lanes.back)
            self._host["layers"][: self._layers].copy_(self._there["layers"][: self._layers], non_blocking=True)
            self._host["tallies"].copy_(self._there["tallies"], non_blocking=True)
            self._back.set(lanes.back)

    def take(self) -> tuple[UInt8Array, NDArray[np.int64], float]:
        """Wait for the batch, and copy it out.

        Returns:
            Layers (L, n, 112, 112) uint8, tallies (n, 52) int64, and the seconds that the network took where it is
            timed.
        """
        self._back.wait()
        layers: UInt8Array = self._host["layers"].numpy()[: self._layers, : self._taken].copy()
        tallies = self._host["tallies"].numpy()[: self._taken].astype(np.int64)
        return layers, tallies, self._made.seconds_since(self._begun) if self._timed else 0.0

"""A network of one batch size on one device, and the slots of its batches; halved where memory is short."""

import threading
from collections.abc import Callable
from queue import SimpleQueue

import torch
from torch import nn

from faceshards.parsing.devicesteps import DeviceSteps, Head
from faceshards.parsing.passes import halved
from faceshards.parsing.replay import Making, made_ready
from faceshards.parsing.slots import Lanes, Slot


class Engine:
    """Safe to use from several threads, whose batches then take turns on the device.

    Args:
        network: from `mirror.for_inference`, on the device, in its precision.
        device: where.
        making: how.
        temperature: see `certainty.layers_of`.
        layers: how many come of it: 3 with mirror images, 2 without.
        slots: batches under way at once, of all threads together.
        timed: note how long the network takes.

    Attributes:
        batch: faces in a pass.
        free: slots that no thread has.

    Raises:
        torch.OutOfMemoryError: the device does not hold a batch of this size.
    """

    def __init__(
        self,
        network: nn.Module,
        device: torch.device,
        making: Making,
        temperature: float,
        layers: int,
        slots: int,
        *,
        timed: bool = False,
    ) -> None:
        self.batch = making.batch
        self.free: SimpleQueue[Slot] = SimpleQueue()
        self._lanes = Lanes.of(device)
        self._device = device
        self._lock = threading.Lock()
        steps = DeviceSteps(network, Head(temperature), channels_last=making.channels_last).eval()
        self._run = made_ready(steps, making, device, self._lanes.work)
        for _ in range(slots):
            self.free.put(Slot(device, making.batch, layers, timed=timed))

    def send(self, slot: Slot, *, all_layers: bool) -> None:
        """Queue the batch of a slot.

        Raises:
            torch.OutOfMemoryError: memory is short now; nothing of this slot is under way any more.
        """
        with self._lock:
            try:
                slot.send(self._lanes, self._run, all_layers=all_layers)
            except torch.OutOfMemoryError:
                settle(self._device)
                raise


def halving(make: Callable[[int], Engine], batch: int, device: torch.device) -> Engine:
    """The engine of the greatest batch that fits: this one, or a half, a quarter, ... of it. A warning says so.

    Raises:
        DeviceError: not even one face fits.
    """
    while True:
        try:
            return make(batch)
        except torch.OutOfMemoryError as error:
            batch = halved(batch, error)
        # Out of the handler, which keeps what was allocated alive by the traceback.
        settle(device)


def settle(device: torch.device) -> None:
    """Wait for all that a device has to do, and give back the memory that nothing holds any more."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.empty_cache()

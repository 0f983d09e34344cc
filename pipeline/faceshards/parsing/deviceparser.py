"""A parser that keeps a GPU busy: full batches, copies beside the network, nothing on the way that waits for it."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from queue import Empty
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from faceshards.parsing.certainty import Parsed, confidence_from, not_finite
from faceshards.parsing.device import provenance_of
from faceshards.parsing.engine import Engine, halving, settle
from faceshards.parsing.gather import Gathered
from faceshards.parsing.judged import Judged
from faceshards.parsing.mirror import for_inference
from faceshards.parsing.passes import check_faces, halved
from faceshards.parsing.replay import Making
from faceshards.parsing.slots import Slot
from faceshards.parsing.unet import SIZE
from faceshards.parsing.weights import Weights
from faceshards.records import UInt8Array
from faceshards.regions import N_REGIONS

_Counted: TypeAlias = tuple[UInt8Array, NDArray[np.int64]]
"""Layers (L, n, 112, 112) uint8 and tallies (n, 52) of a batch."""

SLOTS = 4
"""Batches under way: one in the network, one that waits behind it, and two that are filled or read."""


class DeviceParser:
    """Runs on a CUDA device, in passes of one size; a `Parser`. It may be used from several threads.

    Every pass has the same number of faces, for the order in which a GPU adds floats hangs on it. So the regions of a
    face do not depend on how many faces come with it. The network goes to the device with the first faces.

    Args:
        weights: from `load_weights`.
        device: a CUDA device. On the CPU it does the same, for tests: `CpuParser` is faster there.
        dtype: of weights and activations.
        mirror: average over the mirrored face.
        making: how it runs; the batch is what memory has to hold.
        timed: count in `busy` how long the network took.

    Attributes:
        busy: seconds for which the device was at the network, on its own clock; 0 unless it is timed.

    Raises:
        ParserError: of `parse`, `assess` and `judge`: the faces have another shape or dtype, or the network gives no
            numbers.
        DeviceError: of the same: the device's memory does not hold one face.

    Example:
        >>> parser = DeviceParser(load_weights(), torch.device("cuda"))
        >>> regions, confidence = next(parser.judge([images]))
    """

    def __init__(
        self,
        weights: Weights,
        device: torch.device,
        dtype: torch.dtype = torch.float16,
        mirror: bool = True,
        making: Making | None = None,
        *,
        timed: bool = False,
    ) -> None:
        self._weights, self._device, self._dtype, self._mirror = weights, device, dtype, mirror
        self._making, self._timed = making or Making(), timed
        self._engine: Engine | None = None
        self._lock = threading.Lock()
        self.busy = 0.0
        self.provenance: Mapping[str, str] = provenance_of(weights, device.type, dtype, mirror)

    @property
    def batch(self) -> int:
        """Faces in a pass: fewer than asked for where memory was short."""
        return self._making.batch

    def parse(self, images: UInt8Array) -> UInt8Array:
        """See `Parser.parse`."""
        check_faces(images)
        found = [layers[0] for layers, _ in self._batches([images], all_layers=False)]
        return np.concatenate([np.empty((0, SIZE, SIZE), np.uint8), *found])

    def assess(self, images: UInt8Array) -> Parsed:
        """See `Parser.assess`."""
        check_faces(images)
        none = np.empty((2 + self._mirror, 0, SIZE, SIZE), np.uint8)
        found = [layers for layers, _ in self._batches([images], all_layers=True)]
        return Parsed.of(np.concatenate([none, *found], axis=1).swapaxes(0, 1))

    def judge(self, parts: Iterable[UInt8Array]) -> Iterator[Judged]:
        """See `judged.judge`: parts are gathered into full batches, and what comes of each is one item."""
        for layers, tallies in self._batches(parts, all_layers=False):
            areas, sums = tallies[:, :N_REGIONS], tallies[:, N_REGIONS : 2 * N_REGIONS]
            confidence = confidence_from(areas, sums, tallies[:, -2] if self._mirror else None)
            yield Judged(layers[0], confidence)

    def _batches(
        self, parts: Iterable[UInt8Array], *, all_layers: bool
    ) -> Iterator[tuple[UInt8Array, NDArray[np.int64]]]:
        """One batch after the other, in order."""
        gathered = Gathered()
        under_way: deque[tuple[Engine, Slot]] = deque()
        try:
            for part in chain(parts, [None]):
                if part is not None:
                    check_faces(part)
                    gathered.add(part)
                while len(gathered) and (part is None or len(gathered) >= self._ready().batch):
                    engine = self._ready()
                    try:
                        slot = engine.free.get_nowait()
                    except Empty:
                        if under_way:  # wait for what is ours: whoever has the others may wait for us
                            yield self._taken(*under_way.popleft())
                            continue
                        slot = engine.free.get()
                    faces = gathered.take(engine.batch)
                    try:
                        slot.fill(faces)
                        engine.send(slot, all_layers=all_layers)
                    except torch.OutOfMemoryError as error:
                        engine.free.put(slot)
                        gathered.put_back(faces)
                        self._shrink(engine, error)
                    except BaseException:  # Ctrl-C too: without its slots the parser would wait for ever
                        engine.free.put(slot)
                        raise
                    else:
                        under_way.append((engine, slot))
            while under_way:
                yield self._taken(*under_way.popleft())
        finally:
            for engine, slot in under_way:
                _result(engine, slot)

    def _taken(self, engine: Engine, slot: Slot) -> _Counted:
        layers, tallies, seconds = _result(engine, slot)
        with self._lock:
            self.busy += seconds
        if not tallies[:, -1].all():
            raise not_finite(
                "its weights are damaged, or too great for half precision: load others, or set precision to bf16"
                if self._dtype == torch.float16
                else "its weights are damaged, load others"
            )
        return layers, tallies

    def _ready(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = self._made()
            return self._engine

    def _shrink(self, engine: Engine, error: torch.OutOfMemoryError) -> None:
        """Put an engine of half the batch in the place of one that has run out of memory."""
        with self._lock:
            if self._engine is not engine:  # another thread has done it
                return
            self._making = replace(self._making, batch=halved(engine.batch, error))
            self._engine = None
        settle(self._device)

    def _made(self) -> Engine:
        layout = torch.channels_last if self._making.channels_last else torch.contiguous_format
        network: Any = for_inference(self._weights.network, self._mirror)
        network = network.to(device=self._device, dtype=self._dtype, memory_format=layout)

        def make(batch: int) -> Engine:
            making = replace(self._making, batch=batch)
            how = (making, self._weights.temperature, 2 + self._mirror, SLOTS)
            return Engine(network, self._device, *how, timed=self._timed)

        engine = halving(make, self._making.batch, self._device)
        self._making = replace(self._making, batch=engine.batch)
        return engine


def _result(engine: Engine, slot: Slot) -> tuple[UInt8Array, NDArray[np.int64], float]:
    """Wait for the batch of a slot, which is free then, and also where the wait was broken off."""
    try:
        return slot.take()
    finally:
        engine.free.put(slot)

"""Aligned faces in, region maps out."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from faceshards.errors import DeviceError, ParserError
from faceshards.parsing.device import resolve_device, resolve_precision
from faceshards.parsing.fuse import fuse_batch_norm
from faceshards.parsing.unet import SIZE, normalise
from faceshards.parsing.weights import BUNDLED, Weights, load_weights
from faceshards.records import UInt8Array

CPU_BATCH = 8
"""Faces in one forward pass on the CPU, always; a short last batch is filled up with black ones."""

CUDA_BATCH = 512


class Parser(Protocol):
    """Whatever turns aligned faces into the 25 regions; `provenance` goes into manifests."""

    @property
    def provenance(self) -> Mapping[str, str]:
        """At least ``weights_sha256``, ``device`` and the versions that decide the result."""
        ...

    def parse(self, images: UInt8Array) -> UInt8Array:
        """(B, 112, 112, 3) uint8 RGB -> (B, 112, 112) uint8 regions, 0-24.

        Raises:
            ParserError: the shape or dtype is another, or the network gives no numbers.
        """
        ...


def load_parser(
    weights: str | Path = BUNDLED, device: str = "auto", threads: int = 1, precision: str = "auto"
) -> Parser:
    """Load the U-Net parser.

    Args:
        weights: ``"bundled"``, or a ``.safetensors`` or ``.pth`` file; see `load_weights`.
        device: ``"auto"`` (CUDA when it is there), ``"cpu"`` or ``"cuda"``.
        threads: batches in work at once on the CPU. It changes the speed, never the result.
        precision: ``"bf16"``, ``"fp32"``, or ``"auto"``: fp16 on CUDA, bf16 on a CPU that has it, else fp32. It changes
            some pixels in a thousand, all of them on borders (docs/parser.md).

    Raises:
        WeightsError: the weights do not fit, or there is no such file.
        DeviceError: CUDA was asked for and is not there, or device or precision mean nothing.
    """
    where = resolve_device(device)
    dtype = resolve_precision(precision, where)
    loaded = load_weights(weights)
    return CudaParser(loaded, where, dtype) if where.type == "cuda" else CpuParser(loaded, threads, dtype)


class CpuParser:
    """Runs on the CPU; a face's regions depend on that face alone.

    The order in which floats are summed depends on batch size and number of threads, and with it, once in a million
    pixels, the region. So every pass has one batch size and one thread, and threads share out whole passes.

    Args:
        weights: from `load_weights`.
        threads: passes in work at once.
        dtype: of weights and activations; sums are fp32 in any case.
    """

    def __init__(self, weights: Weights, threads: int = 1, dtype: torch.dtype = torch.float32) -> None:
        self._network = fuse_batch_norm(weights.network).to(dtype)
        self._dtype = dtype
        self._pool = ThreadPoolExecutor(threads, "parser", initializer=torch.set_num_threads, initargs=(1,))
        self.provenance = _provenance(weights, "cpu", dtype)

    def parse(self, images: UInt8Array) -> UInt8Array:
        """See `Parser.parse`."""
        _check(images)
        batches = [images[i : i + CPU_BATCH] for i in range(0, len(images), CPU_BATCH)]
        regions = list(self._pool.map(self._pass, batches))
        # PyTorch took the pool's one thread as the default of threads to come; back to what this one has.
        torch.set_num_threads(torch.get_num_threads())
        return np.concatenate([np.empty((0, SIZE, SIZE), np.uint8), *regions])

    def _pass(self, images: UInt8Array) -> UInt8Array:
        batch = torch.zeros((CPU_BATCH, SIZE, SIZE, 3), dtype=torch.uint8)
        batch[: len(images)] = torch.from_numpy(np.ascontiguousarray(images))
        with torch.inference_mode():
            return _regions(self._network(normalise(batch).to(self._dtype))[: len(images)])


class CudaParser:
    """Runs on a CUDA device: channels last, and smaller batches when memory is short.

    Args:
        weights: from `load_weights`.
        device: a CUDA device.
        dtype: of weights and activations.
    """

    def __init__(self, weights: Weights, device: torch.device, dtype: torch.dtype = torch.float16) -> None:
        self._device = device
        self._dtype = dtype
        self._network = fuse_batch_norm(weights.network).to(device, dtype)
        self._batch = CUDA_BATCH
        self.provenance = _provenance(weights, torch.cuda.get_device_name(device), dtype)

    def parse(self, images: UInt8Array) -> UInt8Array:
        """See `Parser.parse`."""
        _check(images)
        regions, self._batch = in_shrinking_batches(self._pass, images, self._batch)
        return regions

    def _pass(self, images: UInt8Array) -> UInt8Array:
        batch = torch.from_numpy(np.ascontiguousarray(images)).pin_memory().to(self._device, non_blocking=True)
        with torch.inference_mode():
            return _regions(self._network(normalise(batch).to(self._dtype)))


def in_shrinking_batches(
    run: Callable[[UInt8Array], UInt8Array], images: UInt8Array, batch: int
) -> tuple[UInt8Array, int]:
    """Run over all images, halving the batch whenever the device's memory does not hold it.

    Returns:
        The results, and the batch size that fitted.

    Raises:
        DeviceError: not even one image fits.
    """
    done = [np.empty((0, SIZE, SIZE), np.uint8)]
    start = 0
    while start < len(images):
        try:
            done.append(run(images[start : start + batch]))
        except torch.OutOfMemoryError as error:
            if batch == 1:
                raise DeviceError(f"the device's memory does not hold one face: {error}; use device: cpu") from error
            batch //= 2
            torch.cuda.empty_cache()
        else:
            start += batch
    return np.concatenate(done), batch


def _check(images: UInt8Array) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (SIZE, SIZE, 3):
        raise ParserError(
            f"expected aligned faces, uint8 (B, {SIZE}, {SIZE}, 3) RGB; found {images.dtype} {images.shape}"
        )


def _regions(logits: Tensor) -> UInt8Array:
    best, regions = logits.max(dim=1)  # a NaN anywhere is the maximum
    if not best.isfinite().all():
        raise ParserError("the network gives values that are no finite numbers; its weights are damaged, load others")
    return np.asarray(regions.to(torch.uint8).cpu().numpy(), np.uint8)


def _provenance(weights: Weights, device: str, dtype: torch.dtype) -> Mapping[str, str]:
    made_by = {"weights_sha256": weights.sha256, "device": device, "precision": str(dtype).removeprefix("torch.")}
    return MappingProxyType({**made_by, "torch": torch.__version__})

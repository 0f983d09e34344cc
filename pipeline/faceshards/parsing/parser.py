"""Aligned faces in, region maps out."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from faceshards.errors import ParserError
from faceshards.parsing.adapter import load_adapter
from faceshards.parsing.device import resolve_device
from faceshards.parsing.fuse import fuse_batch_norm
from faceshards.parsing.passes import check_faces, in_shrinking_batches
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


def load_parser(weights: str | Path = BUNDLED, device: str = "auto", threads: int = 1) -> Parser:
    """Load a parser: the U-Net, or another network by its description.

    Args:
        weights: ``"bundled"``, or a ``.safetensors`` or ``.pth`` file; see `load_weights`. Or a ``.yaml`` file that
            describes a TorchScript or ONNX network; see `adapter.load_adapter`.
        device: ``"auto"`` (CUDA when it is there), ``"cpu"`` or ``"cuda"``.
        threads: batches in work at once on the CPU. It changes the speed, never the result.

    Raises:
        WeightsError: the weights do not fit, or there is no such file.
        DeviceError: CUDA was asked for and is not there.
    """
    if Path(weights).suffix in (".yaml", ".yml"):
        return load_adapter(Path(weights), device, threads)
    where = resolve_device(device)
    loaded = load_weights(weights)
    return CudaParser(loaded, where) if where.type == "cuda" else CpuParser(loaded, threads)


class CpuParser:
    """Runs on the CPU; a face's regions depend on that face alone.

    The order in which floats are summed depends on batch size and number of threads, and with it, once in a million
    pixels, the region. So every pass has one batch size and one thread, and threads share out whole passes.

    Args:
        weights: from `load_weights`.
        threads: passes in work at once.
    """

    def __init__(self, weights: Weights, threads: int = 1) -> None:
        self._network = fuse_batch_norm(weights.network)
        self._pool = ThreadPoolExecutor(threads, "parser", initializer=torch.set_num_threads, initargs=(1,))
        self.provenance = _provenance(weights, "cpu")

    def parse(self, images: UInt8Array) -> UInt8Array:
        """See `Parser.parse`."""
        check_faces(images)
        batches = [images[i : i + CPU_BATCH] for i in range(0, len(images), CPU_BATCH)]
        regions = list(self._pool.map(self._pass, batches))
        # PyTorch took the pool's one thread as the default of threads to come; back to what this one has.
        torch.set_num_threads(torch.get_num_threads())
        return np.concatenate([np.empty((0, SIZE, SIZE), np.uint8), *regions])

    def _pass(self, images: UInt8Array) -> UInt8Array:
        batch = torch.zeros((CPU_BATCH, SIZE, SIZE, 3), dtype=torch.uint8)
        batch[: len(images)] = torch.from_numpy(np.ascontiguousarray(images))
        with torch.inference_mode():
            return _regions(self._network(normalise(batch))[: len(images)])


class CudaParser:
    """Runs on a CUDA device: fp16 autocast, channels last, and smaller batches when memory is short.

    Args:
        weights: from `load_weights`.
        device: a CUDA device.
    """

    def __init__(self, weights: Weights, device: torch.device) -> None:
        self._device = device
        self._network = fuse_batch_norm(weights.network).to(device)
        self._batch = CUDA_BATCH
        self.provenance = _provenance(weights, torch.cuda.get_device_name(device))

    def parse(self, images: UInt8Array) -> UInt8Array:
        """See `Parser.parse`."""
        check_faces(images)
        regions, self._batch = in_shrinking_batches(self._pass, images, self._batch)
        return regions

    def _pass(self, images: UInt8Array) -> UInt8Array:
        batch = torch.from_numpy(np.ascontiguousarray(images)).pin_memory().to(self._device, non_blocking=True)
        with torch.inference_mode(), torch.autocast("cuda", torch.float16):
            return _regions(self._network(normalise(batch)))


def _regions(logits: Tensor) -> UInt8Array:
    best, regions = logits.max(dim=1)  # a NaN anywhere is the maximum
    if not best.isfinite().all():
        raise ParserError("the network gives values that are no finite numbers; its weights are damaged, load others")
    return np.asarray(regions.to(torch.uint8).cpu().numpy(), np.uint8)


def _provenance(weights: Weights, device: str) -> Mapping[str, str]:
    return MappingProxyType({"weights_sha256": weights.sha256, "device": device, "torch": torch.__version__})

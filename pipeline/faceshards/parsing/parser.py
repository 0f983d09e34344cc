"""Aligned faces in, region maps out."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from faceshards.errors import ParserError
from faceshards.parsing.adapter import load_adapter
from faceshards.parsing.device import resolve_device, resolve_precision, torch_release
from faceshards.parsing.mirror import for_inference
from faceshards.parsing.passes import FixedPasses, check_faces, in_shrinking_batches
from faceshards.parsing.unet import normalise
from faceshards.parsing.weights import BUNDLED, Weights, load_weights
from faceshards.records import UInt8Array

CPU_BATCH = 8
"""Faces in one forward pass on the CPU, always; a short last batch is filled up with black ones."""

CUDA_BATCH = 512


class Parser(Protocol):
    """Whatever turns aligned faces into the 25 regions; `provenance` goes into manifests."""

    @property
    def provenance(self) -> Mapping[str, str]:
        """At least ``weights_sha256``, ``device`` and the releases that decide the result.

        The device is told by its kind, ``"cpu"`` or ``"cuda"``: two of a kind make the same data set.
        """
        ...

    def parse(self, images: UInt8Array) -> UInt8Array:
        """(B, 112, 112, 3) uint8 RGB -> (B, 112, 112) uint8 regions, 0-24.

        Raises:
            ParserError: the shape or dtype is another, or the network gives no numbers.
        """
        ...


def load_parser(
    weights: str | Path = BUNDLED,
    device: str = "auto",
    threads: int = 1,
    precision: str = "auto",
    mirror: bool = True,
) -> Parser:
    """Load a parser: one of ours, or another network by its description.

    Args:
        weights: ``"bundled"``, or a ``.safetensors`` or ``.pth`` file; see `load_weights`. Or a ``.yaml`` file that
            describes a TorchScript or ONNX network; see `adapter.load_adapter`.
        device: ``"auto"`` (CUDA when it is there), ``"cpu"`` or ``"cuda"``.
        threads: batches in work at once on the CPU. It changes the speed, never the result.
        precision: ``"bf16"``, ``"fp32"``, or ``"auto"``: fp16 on CUDA, bf16 on a CPU that has it, else fp32. It changes
            some pixels in a thousand (docs/parser.md).
        mirror: also look at the mirrored face, which is better and takes twice the time; see `MirrorAveraged`. Other
            networks run as they were stored, whatever `precision` and `mirror` say.

    Raises:
        WeightsError: the weights do not fit, or there is no such file.
        DeviceError: CUDA was asked for and is not there, or device or precision mean nothing.
    """
    if Path(weights).suffix in (".yaml", ".yml"):
        return load_adapter(Path(weights), device, threads)
    where = resolve_device(device)
    dtype = resolve_precision(precision, where)
    loaded = load_weights(weights)
    if where.type == "cuda":
        return CudaParser(loaded, where, dtype, mirror)
    return CpuParser(loaded, threads, dtype, mirror)


class CpuParser:
    """Runs on the CPU; a face's regions depend on that face alone (see `FixedPasses`).

    Args:
        weights: from `load_weights`.
        threads: passes in work at once.
        dtype: of weights and activations; sums are fp32 in any case.
        mirror: average over the mirrored face.
    """

    def __init__(
        self, weights: Weights, threads: int = 1, dtype: torch.dtype = torch.float32, mirror: bool = True
    ) -> None:
        self._network = for_inference(weights.network, mirror).to(dtype)
        self._dtype = dtype
        self._passes = FixedPasses(self._pass, CPU_BATCH, threads)
        self.provenance = _provenance(weights, "cpu", dtype, mirror)

    def parse(self, images: UInt8Array) -> UInt8Array:
        """See `Parser.parse`."""
        check_faces(images)
        return self._passes(images)

    def _pass(self, images: UInt8Array, wanted: int) -> UInt8Array:
        with torch.inference_mode():
            return _regions(self._network(normalise(torch.from_numpy(images)).to(self._dtype))[:wanted])


class CudaParser:
    """Runs on a CUDA device: channels last, and smaller batches when memory is short.

    Args:
        weights: from `load_weights`.
        device: a CUDA device.
        dtype: of weights and activations.
        mirror: average over the mirrored face.
    """

    def __init__(
        self, weights: Weights, device: torch.device, dtype: torch.dtype = torch.float16, mirror: bool = True
    ) -> None:
        self._device = device
        self._dtype = dtype
        self._network = for_inference(weights.network, mirror).to(device, dtype)
        self._batch = CUDA_BATCH
        self.provenance = _provenance(weights, "cuda", dtype, mirror)

    def parse(self, images: UInt8Array) -> UInt8Array:
        """See `Parser.parse`."""
        check_faces(images)
        regions, self._batch = in_shrinking_batches(self._pass, images, self._batch)
        return regions

    def _pass(self, images: UInt8Array) -> UInt8Array:
        batch = torch.from_numpy(np.array(images, order="C")).pin_memory().to(self._device, non_blocking=True)
        with torch.inference_mode():
            return _regions(self._network(normalise(batch).to(self._dtype)))


def _regions(logits: Tensor) -> UInt8Array:
    best, regions = logits.max(dim=1)  # a NaN anywhere is the maximum
    if not best.isfinite().all():
        raise ParserError("the network gives values that are no finite numbers; its weights are damaged, load others")
    return np.asarray(regions.to(torch.uint8).cpu().numpy(), np.uint8)


def _provenance(weights: Weights, device: str, dtype: torch.dtype, mirror: bool) -> Mapping[str, str]:
    return MappingProxyType(
        {
            "weights_sha256": weights.sha256,
            "device": device,
            "precision": str(dtype).removeprefix("torch."),
            "mirror": str(mirror).lower(),
            "torch": torch_release(),
        }
    )

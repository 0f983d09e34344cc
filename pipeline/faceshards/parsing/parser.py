"""Aligned faces in, region maps out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from faceshards.parsing.certainty import Parsed, layers_of
from faceshards.parsing.device import provenance_of, resolve_device, resolve_precision
from faceshards.parsing.deviceparser import DeviceParser
from faceshards.parsing.mirror import MirrorAveraged, for_inference
from faceshards.parsing.passes import FixedPasses, check_faces
from faceshards.parsing.unet import normalise
from faceshards.parsing.weights import BUNDLED, Weights, load_weights
from faceshards.records import UInt8Array

CPU_BATCH = 8
"""Faces in one forward pass on the CPU, always; a short last batch is filled up with black ones."""


class Parser(Protocol):
    """Whatever turns aligned faces into the 25 regions; `provenance` goes into manifests."""

    @property
    def provenance(self) -> Mapping[str, str]:
        """At least ``weights_sha256``, ``device`` and the releases that decide the result, ``weights_licence`` where it
        is known, and ``temperature``, by which the probabilities were calibrated.

        The device is told by its kind, ``"cpu"`` or ``"cuda"``: two of a kind make the same data set.
        """
        ...

    def parse(self, images: UInt8Array) -> UInt8Array:
        """(B, 112, 112, 3) uint8 RGB -> (B, 112, 112) uint8 regions, 0-24.

        Raises:
            ParserError: the shape or dtype is another, or the network gives no numbers.
        """
        ...

    def assess(self, images: UInt8Array) -> Parsed:
        """The same regions, and how sure the network is of each pixel, which takes a tenth more time.

        Raises:
            ParserError: as `parse`.
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
        precision: ``"bf16"``, ``"fp32"``, or ``"auto"``: fp16 on CUDA, fp32 on the CPU. It changes some pixels in a
            thousand (docs/parser.md), and bf16 takes half the time on a CPU with AVX512-BF16.
        mirror: also look at the mirrored face, which is better and takes twice the time; see `MirrorAveraged`. Other
            networks run as they were stored, whatever `precision` and `mirror` say.

    Raises:
        WeightsError: the weights do not fit, or there is no such file.
        DeviceError: CUDA was asked for and is not there, or device or precision mean nothing.
    """
    if Path(weights).suffix in (".yaml", ".yml"):
        from faceshards.parsing.adapter import load_adapter  # needs pydantic, which our own networks do not

        return load_adapter(Path(weights), device, threads)
    where = resolve_device(device)
    dtype = resolve_precision(precision, where)
    loaded = load_weights(weights)
    if where.type == "cuda":
        return DeviceParser(loaded, where, dtype, mirror)
    return CpuParser(loaded, threads, dtype, mirror)


class CpuParser:
    """Runs on the CPU; a face's regions depend on that face alone (see `FixedPasses`).

    Args:
        weights: from `load_weights`.
        threads: passes in work at once.
        dtype: of weights, activations and votes; what a layer adds up is added in fp32 in any case.
        mirror: average over the mirrored face.
    """

    def __init__(
        self, weights: Weights, threads: int = 1, dtype: torch.dtype = torch.float32, mirror: bool = True
    ) -> None:
        self._network = for_inference(weights.network, mirror).to(dtype)
        self._dtype = dtype
        self._temperature = weights.temperature
        self._passes = FixedPasses(CPU_BATCH, threads)
        self.provenance = provenance_of(weights, "cpu", dtype, mirror)

    def parse(self, images: UInt8Array) -> UInt8Array:
        """See `Parser.parse`."""
        return self._layers(images, None)[:, 0]

    def assess(self, images: UInt8Array) -> Parsed:
        """See `Parser.assess`."""
        return Parsed.of(self._layers(images, self._temperature))

    def _layers(self, images: UInt8Array, temperature: float | None) -> UInt8Array:
        check_faces(images)

        def run(batch: UInt8Array, wanted: int) -> UInt8Array:
            x = normalise(torch.from_numpy(batch)).to(self._dtype)
            return _layers(self._network, x, wanted, temperature)

        return self._passes(run, images)


def _layers(network: nn.Module, x: Tensor, wanted: int, temperature: float | None) -> UInt8Array:
    """`layers_of` the first `wanted` faces of a batch."""
    with torch.inference_mode():
        if isinstance(network, MirrorAveraged):
            face, mirrored = (vote[:wanted] for vote in network.votes(x))
            layers = layers_of(face + mirrored, (face, mirrored), temperature)
        else:
            layers = layers_of(network(x)[:wanted], temperature=temperature)
        return np.asarray(layers.cpu().numpy(), np.uint8)

"""Tiny networks and sources for the parser's tests."""

from copy import deepcopy
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch

from faceshards.ops.align import TEMPLATE
from faceshards.parsing.unet import UNet
from faceshards.parsing.weights import save_weights
from faceshards.records import Float32Array, SourceFace, Truth, UInt8Array
from faceshards.source.fingerprint import Fingerprints


def tiny_network() -> UNet:
    """A network of 4 channels at the top, whose batch norms have seen data, so that fusing them matters."""
    return deepcopy(_tiny_network())


@cache
def _tiny_network() -> UNet:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = UNet(1 / 16).train()
        with torch.no_grad():
            for _ in range(2):
                network(torch.rand(2, 3, 112, 112) * 2 - 1)
    return network.eval()


def tiny_weights(folder: Path) -> Path:
    """`tiny_network` as a safetensors file."""
    path = folder / "tiny.safetensors"
    save_weights(tiny_network(), path, {})
    return path


def random_images(n: int, seed: int = 0) -> UInt8Array:
    """(n, 112, 112, 3) uint8 noise with some structure."""
    coarse = np.random.default_rng(seed).integers(0, 256, (n, 14, 14, 3), np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


class PaintedFaces:
    """A source of pictures whose region ids can be read off the colours: a training run can learn it in seconds."""

    name = "painted"

    def __init__(self, n: int, broken: int = -1) -> None:
        self._n = n
        self._broken = broken

    def __len__(self) -> int:
        return self._n

    def face(self, index: int) -> SourceFace:
        return SourceFace(f"{index:06d}", f"painted/{index}", None)

    def fingerprints(self, index: int) -> Fingerprints:
        return Fingerprints(*(f"{self._n} {self._broken} {index}".encode(),) * 3)

    def digest(self, index: int) -> bytes:
        return self.fingerprints(index).digest

    def image_bytes(self, index: int) -> bytes:
        if index == self._broken:
            return b"no image"
        regions = self._regions(index)
        image = np.stack((regions * 10, 250 - regions * 10, regions * 0 + 90), axis=-1).astype(np.uint8)
        return bytes(cv2.imencode(".png", image)[1].data)

    def truth(self, index: int) -> Truth:
        return Truth(self._regions(index), "regions25")

    def landmarks(self, index: int) -> Float32Array:
        return (TEMPLATE + 20).astype(np.float32)

    def _regions(self, index: int) -> UInt8Array:
        return np.random.default_rng(index).integers(0, 25, (5, 5), np.uint8).repeat(32, axis=0).repeat(32, axis=1)

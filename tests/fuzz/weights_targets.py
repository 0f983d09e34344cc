"""Fuzz targets: weights of networks, their descriptions, and a pickle of pictures. See `run.py`.

ONNX Runtime and TorchScript are not fuzzed: a file of theirs is a program, and what it does is not ours to bound.
"""

import io
import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from odd_pictures import picture, saved
from onnx_files import graph
from parsers import tiny_weights
from source_targets import folder

from examples.recognition.verification.insightface_bin import InsightFaceBin
from faceshards.parsing.adapterparams import read_adapter
from faceshards.parsing.statefile import read_safetensors, read_state
from faceshards.parsing.weights import load_weights
from faceshards.zoo.onnxfiles import external_files

_DESCRIPTION = b"""model: net.onnx
classes: regions25
size: [112, 112]
mean: [0.5, 0.5, 0.5]
std: [0.5, 0.5, 0.5]
"""


@cache
def _good() -> bytes:
    return tiny_weights(folder()).read_bytes()


def seeds() -> dict[str, list[bytes]]:
    """Good inputs by target."""
    image = saved(picture(1, (8, 8)), "PNG")
    pair = ([image] * 20, [True] * 10)
    return {
        "safetensors": [_small_safetensors(), _good()],
        "pth": [_saved(True), _saved(False)],
        "onnx_files": [graph("weights.bin", "more.bin"), graph()],
        "adapter_yaml": [_DESCRIPTION],
        "insightface_bin": [pickle.dumps(pair, protocol) for protocol in (0, 2, 4, 5)],
    }


def safetensors_target(data: bytes) -> None:
    """A safetensors file, as such and as weights of the parser."""
    path = _written("w.safetensors", data)
    read_safetensors(path, "x")
    load_weights(path)


def pth_target(data: bytes) -> None:
    """A file of `torch.save`."""
    path = _written("w.pth", data)
    read_state(path, "x")
    load_weights(path)


def onnx_files_target(data: bytes) -> None:
    """The names of an ONNX graph's other files."""
    for path in external_files(_written("net.onnx", data)):
        if not path.resolve().is_relative_to(folder().resolve()):
            raise AssertionError(f"{path} lies outside")


def adapter_yaml_target(data: bytes) -> None:
    """The description of a network."""
    read_adapter(_written("net.yaml", data))


def insightface_bin_target(data: bytes) -> None:
    """InsightFace's verification sets."""
    InsightFaceBin(_written("x.bin", data))


def _written(name: str, data: bytes) -> Path:
    path = folder() / name
    path.write_bytes(data)
    return path


def _saved(zipped: bool) -> bytes:
    data = io.BytesIO()
    state = {"conv0.0.weight": torch.ones(4, 3, 3, 3), "final.bias": torch.zeros(25, dtype=torch.float16)}
    torch.save({"state_dict": state}, data, _use_new_zipfile_serialization=zipped)
    return data.getvalue()


def _small_safetensors() -> bytes:
    from safetensors.torch import save

    return save({"conv0.0.weight": torch.ones(4, 3, 3, 3)}, {"temperature": "1.5"})


TARGETS: dict[str, Callable[[bytes], None]] = {
    name.removesuffix("_target"): of for name, of in list(globals().items()) if name.endswith("_target")
}
"""By name, as in `seeds`."""

"""Small networks of the very layout of published face parsers, which know classes by colour."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from adapters import colours, write_torchscript
from numpy.typing import NDArray
from ruamel.yaml import YAML
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from faceshards.zoo.catalogue import description_of

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
PLAIN = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))

Weights = tuple[NDArray[np.float32], NDArray[np.float32]]


def nearest_colour(n: int, mean: tuple[float, ...], std: tuple[float, ...]) -> Weights:
    """Weights (n, 3, 1, 1) and bias of a convolution whose logits are |x|^2 - |x - colour|^2 of normalised colours."""
    targets = (colours(n) / 255 - np.array(mean)) / np.array(std)
    return (2 * targets[:, :, None, None]).astype(np.float32), (-(targets**2).sum(1)).astype(np.float32)


class TwoOutputs(nn.Module):
    """As FaRL's parsers: (batch, 3, 448, 448) -> logits of that size, and another output."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        weight, bias = weights
        self.head = nn.Conv2d(3, len(bias), 1)
        self.head.weight.data, self.head.bias.data = torch.from_numpy(weight), torch.from_numpy(bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        assert x.shape[1:] == (3, 448, 448)
        logits = self.head(x)
        return logits, avg_pool2d(-logits, 8)


def write_graph(
    path: Path,
    weights: Weights,
    *,
    outputs: list[str],
    shrunk: int = 1,
    batch: int | str = "batch",
    image: str = "input",
) -> None:
    """An ONNX graph (batch, 3, 512, 512) -> the logits, `shrunk` times smaller, and after them outputs that mislead."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight, bias = weights
    first, *others = outputs
    shape = [batch, len(bias), 512 // shrunk, 512 // shrunk]
    nodes = [
        helper.make_node("Conv", [image, "weight", "bias"], ["all"]),
        helper.make_node("AveragePool", ["all"], [first], kernel_shape=[shrunk] * 2, strides=[shrunk] * 2),
        *(helper.make_node("Neg", [first], [other]) for other in others),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info(image, TensorProto.FLOAT, [batch, 3, 512, 512])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in outputs],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), str(path))


def write_stand_in(name: str, path: Path, classes: int | None = None) -> None:
    """A network as the publisher of an entry of the zoo describes it, with another number of classes where given."""
    kind = name.removeprefix("zoo/").partition("-")[0]
    n = classes or (11 if name.endswith("lapa.yaml") else 19)
    if kind == "farl":
        write_torchscript(path, TwoOutputs(nearest_colour(n, *PLAIN)))
        return
    weights = nearest_colour(n, *IMAGENET)
    if kind == "segformer":
        write_graph(path, weights, outputs=["logits"], shrunk=4, image="pixel_values")
    elif kind == "segface":
        write_graph(path, weights, outputs=["logits"], batch=1)
    else:
        write_graph(path, weights, outputs=["output", "1", "2"], batch=1 if "zllrunning" in name else "batch")


def entry(name: str) -> dict[str, Any]:
    """The keys of an entry of the zoo."""
    keys: dict[str, Any] = json.loads(json.dumps(YAML(typ="safe", pure=True).load(description_of(name))))
    return keys


def copied_entry(name: str, folder: Path, **changes: Any) -> Path:
    """The description of an entry of the zoo, with some keys changed; one of None is left out."""
    path = folder / Path(name).name
    keys = {key: value for key, value in {**entry(name), **changes}.items() if value is not None}
    with path.open("w") as file:
        YAML(typ="safe", pure=True).dump(keys, file)
    return path

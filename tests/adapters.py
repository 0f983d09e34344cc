"""Small real networks of other people's kinds, and their descriptions."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from ruamel.yaml import YAML
from torch import Tensor, nn

from faceshards.ops.align import TEMPLATE
from faceshards.records import UInt8Array
from faceshards.regions import CoarseRegion

PLAIN: dict[str, Any] = {"size": [112, 112], "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}


def colours(n: int) -> UInt8Array:
    """(n, 3) RGB, far apart."""
    levels = np.array([20, 130, 240], np.uint8)
    return levels[np.stack(np.unravel_index(np.arange(n), (3, 3, 3)), axis=1)]


class ColourNetwork(nn.Module):
    """Gives a pixel the class whose colour is nearest: a 1 x 1 convolution with logits |x|^2 - |x - colour|^2.

    Args:
        n: classes, of `colours(n)`.
        mean: that the inputs were normalised by.
        std: that they were divided by.
    """

    def __init__(self, n: int, mean: float = 0.5, std: float = 0.5) -> None:
        super().__init__()
        targets = (torch.from_numpy(colours(n)).float() / 255 - mean) / std
        self.head = nn.Conv2d(3, n, 1)
        self.head.weight.data = 2 * targets[:, :, None, None]
        self.head.bias.data = -(targets**2).sum(1)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(x)
        return logits


def painted(classes: UInt8Array, n: int) -> UInt8Array:
    """Pictures (..., 3) in which a `ColourNetwork` sees these classes."""
    return colours(n)[classes]


def write_torchscript(path: Path, network: nn.Module) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit.script", DeprecationWarning)
        torch.jit.script(network.eval()).save(str(path))


def write_onnx(path: Path, network: ColourNetwork, batch: int | str = "batch") -> None:
    """A graph of one convolution, made by hand: ONNX's own checker sees it, and no exporter has a say in it."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def constant(name: str, value: NDArray[np.float32]) -> Any:
        return numpy_helper.from_array(value, name)

    weight, bias = (p.detach().numpy() for p in (network.head.weight, network.head.bias))
    shape = [batch, 3, "height", "width"]
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["image", "weight", "bias"], ["logits"]),
            helper.make_node("Relu", ["logits"], ["aux"]),
        ],
        "colours",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, len(bias), "height", "width"])
            for name in ("logits", "aux")
        ],
        [constant("weight", weight), constant("bias", bias)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def describe(folder: Path, **keys: Any) -> Path:
    """Write ``parser.yaml``; a key of None is left out."""
    path = folder / "parser.yaml"
    with path.open("w") as file:
        YAML(typ="safe").dump({k: v for k, v in {**PLAIN, **keys}.items() if v is not None}, file)
    return path


def frontal_face(lift: int = 0) -> UInt8Array:
    """FaceSynthetics classes of a plain aligned face: ellipses where the template has the parts, `lift` rows higher."""
    rows, columns = np.mgrid[:112, :112]
    coarse = np.zeros((112, 112), np.uint8)

    def paint(region: CoarseRegion, x: float, y: float, width: float, height: float) -> None:
        coarse[((columns - x) / width) ** 2 + ((rows - y + lift) / height) ** 2 <= 1] = region

    paint(CoarseRegion.SKIN, 56, 62, 42, 55)
    for x, eye, brow in (
        (TEMPLATE[0, 0], CoarseRegion.LEFT_EYE, CoarseRegion.LEFT_BROW),
        (TEMPLATE[1, 0], CoarseRegion.RIGHT_EYE, CoarseRegion.RIGHT_BROW),
    ):
        paint(eye, x, TEMPLATE[0, 1], 6, 3)
        paint(brow, x, 40, 9, 2)
    paint(CoarseRegion.NOSE, 56, 63, 8, 14)
    paint(CoarseRegion.TOP_LIP, 56, 90, 15, 3)
    paint(CoarseRegion.BOTTOM_LIP, 56, 95, 12, 4)
    return coarse

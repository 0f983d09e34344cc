from importlib import resources
from pathlib import Path

import pytest
import torch
from parsers import tiny_network
from safetensors import safe_open
from safetensors.torch import save_file

from faceshards.errors import WeightsError, WeightsNotFoundError
from faceshards.parsing.unet import UNet
from faceshards.parsing.weights import load_weights, save_weights


def test_what_was_saved_is_loaded_in_fp16_precision_with_its_metadata(tmp_path: Path) -> None:
    network = tiny_network()
    save_weights(network, tmp_path / "w.safetensors", {"licence": "R-UDA-1.0", "date": "2026-11-24"})
    loaded = load_weights(tmp_path / "w.safetensors")
    assert dict(loaded.metadata) == {
        "licence": "R-UDA-1.0",
        "date": "2026-11-24",
        "architecture": "resnet18-unet",
        "width": "0.0625",
        "classes": "25",
        "normalisation": "rgb / 127.5 - 1",
    }
    assert len(loaded.sha256) == 64
    assert not loaded.network.training
    for key, value in loaded.network.state_dict().items():
        if value.is_floating_point():
            assert value.dtype == torch.float32
            torch.testing.assert_close(value, network.state_dict()[key].half().float())


def test_files_hold_half_floats_only(tmp_path: Path) -> None:
    save_weights(tiny_network(), tmp_path / "w.safetensors", {})
    with safe_open(tmp_path / "w.safetensors", framework="pt") as file:
        assert {file.get_tensor(k).dtype for k in file.keys()} == {torch.float16}  # noqa: SIM118  # not a mapping


@pytest.mark.parametrize("width", [1 / 16, 3 / 64, 0.125])
def test_the_width_follows_from_the_shapes(tmp_path: Path, width: float) -> None:
    save_weights(UNet(width), tmp_path / "w.safetensors", {})
    assert load_weights(tmp_path / "w.safetensors").network.conv0[0].out_channels == round(64 * width)


@pytest.mark.parametrize("nest", ["", "state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_pth_file_may_nest_and_prefix_its_state(tmp_path: Path, nest: str, prefix: str) -> None:
    network = tiny_network()
    state = {prefix + k: v for k, v in network.state_dict().items()}
    torch.save({nest: state, "epoch": 7} if nest else state, tmp_path / "w.pth")
    loaded = load_weights(tmp_path / "w.pth").network
    assert all(torch.equal(v, network.state_dict()[k]) for k, v in loaded.state_dict().items() if "tracked" not in k)


def test_layers_with_other_names_within_the_parts_are_taken_in_their_order(tmp_path: Path) -> None:
    network = tiny_network()

    def renamed(key: str) -> str:
        part, _, rest = key.partition(".")
        return key if part == "final" else f"{part}.layer.{rest}".replace("bn", "norm").replace("up.", "deconv.")

    torch.save({renamed(k): v for k, v in network.state_dict().items()}, tmp_path / "w.pth")
    loaded = load_weights(tmp_path / "w.pth").network
    assert all(torch.equal(v, network.state_dict()[k]) for k, v in loaded.state_dict().items() if "tracked" not in k)


def test_the_bundled_weights_load_and_say_where_they_come_from() -> None:
    metadata = load_weights().metadata
    assert {"architecture", "classes", "normalisation", "licence", "training_digest", "temperature"} <= set(metadata)


def test_the_bundled_weights_are_small_enough_for_a_wheel() -> None:
    assert len((resources.files("faceshards.parsing") / "bundled.safetensors").read_bytes()) <= 12_000_000


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsNotFoundError, match=r"nowhere\.pth"):
        load_weights(tmp_path / "nowhere.pth")


def test_missing_surplus_and_misshapen_keys_are_all_listed(tmp_path: Path) -> None:
    state = {k: v.clone() for k, v in tiny_network().state_dict().items()}
    del state["conv2.0.conv1.weight"]
    state["head.weight"] = torch.zeros(3)
    state["up_concat1.up.bias"] = torch.zeros(9)
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError) as error:
        load_weights(tmp_path / "w.safetensors")
    assert "1 missing: conv2.0.conv1.weight" in str(error.value)
    assert "1 unexpected: head.weight" in str(error.value)
    assert "1 misshapen: up_concat1.up.bias (expected (4,), found (9,))" in str(error.value)


def test_another_number_of_classes_is_refused(tmp_path: Path) -> None:
    save_weights(UNet(1 / 16, classes=19), tmp_path / "w.safetensors", {})
    with pytest.raises(WeightsError, match="expected 25 classes, found 19"):
        load_weights(tmp_path / "w.safetensors")


def test_a_state_of_another_network_is_refused(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="no convolution under conv0 among 2 keys: bias, weight"):
        load_weights(tmp_path / "w.pth")

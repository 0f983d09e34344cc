"""Networks and descriptions of other people that are hostile, damaged or not what they claim."""

import os
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from adapters import ColourNetwork, describe, write_onnx, write_torchscript
from parsers import random_images
from torch import Tensor, nn

from faceshards.errors import (
    DeviceError,
    MissingExtraError,
    ParamsError,
    ParserError,
    WeightsError,
    WeightsNotFoundError,
)
from faceshards.parsing import load_parser
from faceshards.store.durable import sha256_of


class _Touch:
    """Unpickled, it would make a folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.mkdir, (str(self._path), 0o700)


class _Mean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3))


class _OneChannel(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, 0]


class _Argmax(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.argmax(1)


def load(folder: Path, **keys: Any) -> Any:
    return load_parser(describe(folder, **{"classes": "regions25", **keys}), "cpu")


@pytest.fixture
def onnx() -> Any:
    pytest.importorskip("onnxruntime")
    return pytest.importorskip("onnx")


@pytest.mark.parametrize("name", ["net.ts", "net.pt", "net.onnx"])
def test_a_malicious_pickle_runs_nothing(tmp_path: Path, name: str) -> None:
    if name.endswith(".onnx"):
        pytest.importorskip("onnxruntime")
    trace = tmp_path / "pwned"
    torch.save({"weight": torch.zeros(3), "extra": _Touch(trace)}, tmp_path / name)
    with pytest.raises(WeightsError, match=rf"{name}: expected an? (TorchScript|ONNX) file"):
        load(tmp_path, model=name)
    assert not trace.exists()


def test_a_pickle_hidden_in_a_torchscript_file_runs_nothing(tmp_path: Path) -> None:
    """The archive's data.pkl is read by PyTorch's own unpickler, which knows no os.mkdir."""

    trace = tmp_path / "pwned"
    write_torchscript(tmp_path / "good.ts", ColourNetwork(25))
    with zipfile.ZipFile(tmp_path / "good.ts") as good, zipfile.ZipFile(tmp_path / "net.ts", "w") as bad:
        for name in good.namelist():
            bad.writestr(name, pickle.dumps(_Touch(trace)) if name.endswith("data.pkl") else good.read(name))
    with pytest.raises(WeightsError, match=r"net\.ts: expected a TorchScript file"):
        load(tmp_path, model="net.ts")
    assert not trace.exists()


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PK\x03\x04 and then nothing"])
@pytest.mark.parametrize("name", ["net.ts", "net.onnx"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    if name.endswith(".onnx"):
        pytest.importorskip("onnxruntime")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=rf"{name}: expected an? (TorchScript|ONNX) file"):
        load(tmp_path, model=name)


def test_a_state_dict_is_refused_with_what_to_do(tmp_path: Path) -> None:
    torch.save(ColourNetwork(25).state_dict(), tmp_path / "net.pt")
    with pytest.raises(WeightsError, match="A state dict or a pickled network will not do: script or trace"):
        load(tmp_path, model="net.pt")


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "net.ts"
    write_torchscript(path, ColourNetwork(25))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(WeightsError, match=r"net\.ts: expected a TorchScript file"):
        load(tmp_path, model="net.ts")


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_onnx_file_is_refused(tmp_path: Path, onnx: Any, share: float) -> None:
    path = tmp_path / "net.onnx"
    write_onnx(path, ColourNetwork(25))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(WeightsError, match=r"net\.onnx: expected an ONNX file"):
        load(tmp_path, model="net.onnx")


def test_flipped_bits_are_caught_where_the_description_has_the_hash(tmp_path: Path) -> None:
    path = tmp_path / "net.ts"
    write_torchscript(path, ColourNetwork(25))
    sha256 = sha256_of(path)
    load(tmp_path, model="net.ts", sha256=sha256)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=rf"net\.ts: expected the SHA-256 {sha256}, as .*parser\.yaml says; found"):
        load(tmp_path, model="net.ts", sha256=sha256)


def test_a_model_or_description_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsNotFoundError, match=r"net\.ts: no such file; `model` in .*parser\.yaml names it"):
        load(tmp_path, model="net.ts")
    with pytest.raises(WeightsNotFoundError, match=r"nowhere\.yaml: no such file"):
        load_parser(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("name", ["net.pt2", "net.safetensors", "net"])
def test_a_model_of_another_format_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(WeightsError, match=r"expected a file named \.onnx, \.pt, \.ts, \.torchscript; found"):
        load(tmp_path, model=name)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"colour": "rgb"}, "unknown key colour"),
        ({"mean": None}, "mean: Field required"),
        ({"std": [0.5, 0.0, 0.5]}, "std.1: Input should be greater than 0; found 0.0"),
        ({"mean": [float("nan")] * 3}, "mean.0"),
        ({"size": [512]}, "size"),
        ({"size": [512, 0]}, "size.1: Input should be greater than or equal to 1; found 0"),
        ({"size": [100_000, 512]}, "size.0: Input should be less than or equal to 4096; found 100000"),
        ({"batch": 10**7}, "batch: Input should be less than or equal to 1024; found 10000000"),
        ({"channels": "gbr"}, "channels: Input should be 'rgb' or 'bgr'; found 'gbr'"),
        ({"classes": "celebamask"}, "'celebamask_farl' or 'lapa'; found 'celebamask'"),
        ({"classes": ["background", "noes"]}, "unknown class noes; expected some of: background"),
        ({"classes": ["skin", "left_chin"]}, "found both 'left_chin' and 'skin'"),
        ({"classes": ["hair"] * 256}, "expected at most 255 classes, found 256"),
        ({"output": -1}, "output"),
        ({"sha256": "abc"}, "sha256"),
    ],
)
def test_a_description_that_does_not_fit_names_the_key(tmp_path: Path, keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(ParamsError) as error:
        load(tmp_path, model="net.ts", **keys)
    assert "parser.yaml: does not fit" in str(error.value)
    assert problem in str(error.value)


@pytest.mark.parametrize("name", ["net.ts", "net.onnx"])
def test_another_number_of_classes_is_refused(tmp_path: Path, name: str) -> None:
    if name.endswith(".onnx"):
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnx")
    (write_onnx if name.endswith(".onnx") else write_torchscript)(tmp_path / name, ColourNetwork(21))
    with pytest.raises(WeightsError, match=r"expected the 19 classes that `classes` names; the network gives 21"):
        load(tmp_path, model=name, classes="celebamask_hq")


@pytest.mark.parametrize(
    ("network", "found"),
    [
        (_Mean(), r"torch.float32 \(1, 3\)"),
        (_OneChannel(), r"torch.float32 \(1, 112, 112\)"),
        (_Argmax(), r"torch.int64 \(1, 112, 112\)"),
    ],
)
def test_outputs_that_are_no_logits_are_refused(tmp_path: Path, network: nn.Module, found: str) -> None:
    write_torchscript(tmp_path / "net.ts", network)
    with pytest.raises(WeightsError, match=rf"expected \(batch, classes, height, width\) logits; found {found}"):
        load(tmp_path, model="net.ts")


@pytest.mark.parametrize("output", [1, "logits"])
def test_an_output_that_is_not_there_is_refused(tmp_path: Path, output: int | str) -> None:
    write_torchscript(tmp_path / "net.ts", ColourNetwork(25))
    with pytest.raises(WeightsError, match=rf"net\.ts: expected an output {output!r}; found one Tensor"):
        load(tmp_path, model="net.ts", output=output)


@pytest.mark.parametrize("output", [2, "parsing"])
def test_an_onnx_output_that_is_not_there_is_refused(tmp_path: Path, onnx: Any, output: int | str) -> None:
    write_onnx(tmp_path / "net.onnx", ColourNetwork(25))
    with pytest.raises(WeightsError, match=rf"expected an output {output!r}; found 2 of them: logits, aux"):
        load(tmp_path, model="net.onnx", output=output)


@pytest.mark.parametrize("kind", ["a list of tensors", "texts"])
def test_an_onnx_output_that_is_no_tensor_of_numbers_is_refused(tmp_path: Path, onnx: Any, kind: str) -> None:
    helper, tensor = onnx.helper, onnx.TensorProto
    made = (
        (helper.make_node("Cast", ["image"], ["out"], to=tensor.STRING), helper.make_tensor_value_info, tensor.STRING)
        if kind == "texts"
        else (
            helper.make_node("SequenceConstruct", ["image"], ["out"]),
            helper.make_tensor_sequence_value_info,
            tensor.FLOAT,
        )
    )
    node, describe_value, of = made
    image = helper.make_tensor_value_info("image", tensor.FLOAT, ["batch", 3, 112, 112])
    graph = helper.make_graph([node], "odd", [image], [describe_value("out", of, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(WeightsError, match=rf"net\.onnx: expected a tensor of numbers.*found {kind}"):
        load(tmp_path, model="net.onnx")


def test_a_network_of_other_channels_is_refused(tmp_path: Path) -> None:
    write_torchscript(tmp_path / "net.ts", nn.Conv2d(1, 25, 1))
    with pytest.raises(WeightsError, match=r"expected a network that takes \(1, 3, 112, 112\) float32; it does not"):
        load(tmp_path, model="net.ts")


def test_an_onnx_network_of_another_batch_is_refused(tmp_path: Path, onnx: Any) -> None:
    write_onnx(tmp_path / "net.onnx", ColourNetwork(25), batch=1)
    with pytest.raises(WeightsError, match=r"expected a network that takes \(2, 3, 112, 112\) float32; it does not"):
        load(tmp_path, model="net.onnx", batch=2)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("classes", ["regions25", ["none", *["hair"] * 24]])
def test_values_that_are_no_numbers_are_an_error_not_a_region(tmp_path: Path, value: float, classes: Any) -> None:
    network = ColourNetwork(25)
    network.head.bias.data[0] = value
    write_torchscript(tmp_path / "net.ts", network)
    with pytest.raises(ParserError, match=r"net\.ts gives values that are no finite numbers"):
        load(tmp_path, model="net.ts", classes=classes).parse(random_images(1))


def test_anything_but_aligned_faces_is_refused(tmp_path: Path) -> None:
    write_torchscript(tmp_path / "net.ts", ColourNetwork(25))
    with pytest.raises(ParserError, match=r"expected aligned faces, uint8 \(B, 112, 112, 3\) RGB; found"):
        load(tmp_path, model="net.ts").parse(np.zeros((1, 224, 224, 3), np.uint8))


@pytest.mark.parametrize("name", ["net.ts", "net.onnx"])
@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_where_there_is_none_is_an_error_with_a_remedy(tmp_path: Path, name: str) -> None:
    if name.endswith(".onnx"):
        pytest.importorskip("onnxruntime")
    (tmp_path / name).touch()
    with pytest.raises(DeviceError, match="Use auto or cpu"):
        load_parser(describe(tmp_path, model=name, classes="regions25"), "cuda")


def test_without_onnx_runtime_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    (tmp_path / "net.onnx").touch()
    with pytest.raises(MissingExtraError, match=r"net\.onnx: ONNX needs an extra: pip install 'faceshards\[onnx\]'"):
        load(tmp_path, model="net.onnx")

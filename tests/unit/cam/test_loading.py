"""Models from files and modules."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from faceshards.cam.loading import load_model
from faceshards.cam.model import device_of, inference
from faceshards.errors import MissingExtraError, ModelError, ModelNotFoundError

CPU = torch.device("cpu")
MODULE = """
from torch import nn
import torch

class Brightness(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))

def by_hand(x):
    return x.amax((2, 3))

def make():
    return Brightness()

def make_nothing():
    return None

network = Brightness()
number = 3
"""


@pytest.fixture
def images() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=(3, 3, 112, 112)).astype(np.float32))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a module of models in it."""
    (tmp_path / "own_models.py").write_text(MODULE)
    (tmp_path / "needy.py").write_text("import no_such_package_at_all\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "own_models", raising=False)
    return tmp_path


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 7, 7), nn.Dropout(0.5), nn.Flatten(), nn.Linear(4 * 16 * 16, 5)).eval()


def torchscript(path: Path, *, frozen: bool = False) -> nn.Module:
    module = network()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # as in load_model
        traced = torch.jit.trace(module, torch.zeros(1, 3, 112, 112))
        (torch.jit.freeze(traced) if frozen else traced).save(path)
    return module


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("suffix", [".pt", ".ts"])
def test_a_torchscript_file_gives_what_the_module_gave(
    suffix: str, frozen: bool, tmp_path: Path, images: torch.Tensor
) -> None:
    path = tmp_path / f"model{suffix}"
    module = torchscript(path, frozen=frozen)
    model = load_model(str(path), CPU)
    with inference(model):
        assert torch.allclose(model(images), module(images), atol=1e-5)
    assert device_of(model, images) == CPU


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("own_models:network", "mean"),
        ("own_models:make()", "mean"),
        ("own_models:Brightness()", "mean"),
        ("own_models:network.forward", "mean"),
        ("own_models:by_hand", "amax"),
    ],
)
def test_an_object_of_a_module_in_the_current_folder_is_a_model(
    here: Path, spec: str, expected: str, images: torch.Tensor
) -> None:
    assert torch.equal(load_model(spec, CPU)(images), getattr(images, expected)((2, 3)))


@pytest.mark.parametrize(
    ("spec", "taught"),
    [
        ("model", "expected model.pt"),
        ("own_models:", "expected model.pt"),
        ("no_such_module:x", "no module 'no_such_module' in"),
        ("needy:x", "imports 'no_such_package_at_all', which is not installed"),
        ("own_models:nework", "has no 'nework'; its callables: Brightness, by_hand, make"),
        ("torch.nn:Nework", r"its callables: (\w+, ){10}\.\.\.$"),
        ("own_models:number", "found int"),
        ("own_models:Brightness", r"call it: own_models:Brightness\(\)"),
        ("own_models:make", r"call it: own_models:make\(\)"),
        ("own_models:make_nothing()", "it made None"),
    ],
)
def test_what_is_no_model_is_answered_with_what_to_write(here: Path, spec: str, taught: str) -> None:
    with pytest.raises(ModelError, match=taught):
        load_model(spec, CPU)


@pytest.mark.parametrize("name", ["model.pt", "model.onnx"])
def test_a_missing_file_is_told_as_such(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelNotFoundError, match="found none there"):
        load_model(str(tmp_path / name), CPU)


def test_a_state_dict_or_a_damaged_file_is_answered_with_how_to_write_torchscript(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(network().state_dict(), path)
    with pytest.raises(ModelError, match=r"state_dict.*torch\.jit\.trace"):
        load_model(str(path), CPU)
    torchscript(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ModelError, match="damaged"):
        load_model(str(path), CPU)


def test_without_onnxruntime_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"faceshards\[onnx\]"):
        load_model(str(path), CPU)


def onnx_file(path: Path, shape: list[int | str], axes: list[int]) -> None:
    """The mean of the images over some axes."""
    onnx = pytest.importorskip("onnx", reason="writes the file")
    kinds, helper = onnx.TensorProto, onnx.helper
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["images"], ["out"], axes=axes, keepdims=0)],
        "mean",
        [helper.make_tensor_value_info("images", kinds.FLOAT, shape)],
        [helper.make_tensor_value_info("out", kinds.FLOAT, [shape[0], 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        (["B", 3, 112, 112], [2, 3]),
        (["B", 112, 112, 3], [1, 2]),
        ([1, 3, 112, 112], [2, 3]),
        ([2, 3, 112, 112], [2, 3]),
    ],
    ids=["any batch", "channels last", "batches of one", "batches of two"],
)
def test_an_onnx_file_takes_any_number_of_faces_whatever_batch_it_was_written_for(
    tmp_path: Path, images: torch.Tensor, shape: list[int | str], axes: list[int]
) -> None:
    pytest.importorskip("onnxruntime")
    path = tmp_path / "model.onnx"
    onnx_file(path, shape, axes)
    found = load_model(str(path), CPU)(images)
    assert torch.allclose(found, images.mean((2, 3)), atol=1e-5)


def test_an_onnx_file_that_is_none_or_takes_no_images_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    path = tmp_path / "model.onnx"
    path.write_bytes(b"no onnx")
    with pytest.raises(ModelError, match="expected an ONNX model"):
        load_model(str(path), CPU)
    onnx_file(path, [4, 3, 112], [2])
    with pytest.raises(ModelError, match=r"expected a first input of float images.*\[4, 3, 112\]"):
        load_model(str(path), CPU)

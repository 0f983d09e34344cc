"""Models to explain, from a TorchScript file, an ONNX file, or an object of a Python module."""

import inspect
import os
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from faceshards.cam.model import Model, numpy_model
from faceshards.errors import MissingExtraError, ModelError, ModelNotFoundError
from faceshards.faulttext import is_shortage

_WANTED = "expected model.pt or model.ts (TorchScript), model.onnx (ONNX), or module:attribute (Python)"
_LISTED = 10


def load_model(spec: str, device: torch.device) -> Model:
    """Load a model. All three kinds run code of whoever made them: load only what you trust.

    Args:
        spec: a ``.pt`` or ``.ts`` file of TorchScript; an ``.onnx`` file, whose first input takes the images and whose
            first output is the result; or ``module:attribute``, a `torch.nn.Module` or any callable on tensors, looked
            up on ``sys.path`` and in the current folder. ``module:attribute()`` is called first, without arguments,
            and gives the model: for a class or a function that makes one.
        device: to put torch modules on; an ONNX session runs on CUDA where this is CUDA and onnxruntime has it.

    Raises:
        ModelNotFoundError: there is no such file.
        ModelError: it holds something else.
        MissingExtraError: an ONNX file, and onnxruntime is not installed.
    """
    suffix = Path(spec).suffix.lower()
    if suffix in (".pt", ".ts", ".onnx"):
        if not Path(spec).is_file():
            raise ModelNotFoundError(f"{spec}: expected a model file; found none there; check the path")
        return _load_onnx(Path(spec), device) if suffix == ".onnx" else _load_torchscript(Path(spec), device)
    module, colon, attribute = spec.partition(":")
    if not (colon and module and attribute):
        raise ModelError(f"model {spec!r}: {_WANTED}")
    model = _from_module(spec, module, attribute)
    return model.to(device) if isinstance(model, nn.Module) else model


def _load_torchscript(path: Path, device: torch.device) -> nn.Module:
    try:
        with warnings.catch_warnings():
            # TorchScript is deprecated in favour of torch.export; the files are still what people have.
            warnings.simplefilter("ignore", DeprecationWarning)
            load: Callable[..., nn.Module] = torch.jit.load  # torch leaves it untyped
            module = load(path, map_location=device)
    except Exception as error:  # what its parts raise where the file is damaged is of many classes
        if is_shortage(error):
            raise
        raise ModelError(
            f"{path}: expected TorchScript; found another file (a state_dict, a pickled module?), or a damaged one. "
            f"Write it with torch.jit.trace(model.eval(), torch.zeros(1, 3, 112, 112)).save({path.name!r}), or give "
            "the Python object as module:attribute"
        ) from error
    return module


def _load_onnx(path: Path, device: torch.device) -> Model:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError(f"{path}: ONNX needs an extra: pip install 'faceshards[onnx]' ({error})") from error
    cuda = ["CUDAExecutionProvider"] if device.type == "cuda" else []
    providers = [p for p in [*cuda, "CPUExecutionProvider"] if p in onnxruntime.get_available_providers()]
    try:
        session = onnxruntime.InferenceSession(path, providers=providers)
    # onnxruntime's errors have no base of their own: Fail, InvalidProtobuf and the others are Exceptions.
    except Exception as error:
        if is_shortage(error):
            raise
        raise ModelError(f"{path}: expected an ONNX model that onnxruntime can run; {error}") from error
    images = session.get_inputs()[0]
    if len(images.shape) != 4 or images.type not in _ONNX_FLOATS:
        raise ModelError(
            f"{path}: expected a first input of float images (B, 3, 112, 112); found {images.name!r}, {images.type} "
            f"{images.shape}; export the model with such an input"
        )
    fixed = images.shape[0] if isinstance(images.shape[0], int) else None

    def run(batch: NDArray[Any]) -> NDArray[Any]:
        batch = batch.astype(_ONNX_FLOATS[images.type])
        if fixed is None:
            return np.asarray(session.run(None, {images.name: batch})[0])
        # The file takes batches of one size only: the last is filled up, and what is filled in is dropped.
        filled = np.concatenate([batch, np.zeros((-len(batch) % fixed, *batch.shape[1:]), batch.dtype)])
        parts = (filled[i : i + fixed] for i in range(0, len(filled), fixed))
        return np.concatenate([session.run(None, {images.name: part})[0] for part in parts])[: len(batch)]

    return numpy_model(run, channels_last=images.shape[3] == 3)


_ONNX_FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}


def _from_module(spec: str, module: str, attribute: str) -> Model:
    call = attribute.endswith("()")
    found: Any = _imported(spec, module)
    for name in attribute.removesuffix("()").split("."):
        if not hasattr(found, name):
            callables = [n for n, value in vars(found).items() if callable(value) and not n.startswith("_")]
            listed = ", ".join(callables[:_LISTED]) + (", ..." if len(callables) > _LISTED else "")
            raise ModelError(f"model {spec!r}: {module} has no {name!r}; its callables: {listed or 'none'}")
        found = getattr(found, name)
    if not callable(found):
        raise ModelError(f"model {spec!r}: expected a torch module or a callable; found {type(found).__name__}")
    if call:
        found = found()
        if not callable(found):
            raise ModelError(f"model {spec!r}: expected it to make a torch module or a callable; it made {found!r}")
    elif inspect.isclass(found) or not _takes_images(found):
        raise ModelError(f"model {spec!r}: that makes a model, or takes no images; call it: {spec}()")
    model: Model = found
    return model


def _imported(spec: str, module: str) -> Any:
    here = os.getcwd()  # noqa: PTH109 (sys.path holds text)
    if here not in sys.path:
        # As `python -m` does; the script `faceshards` does not.
        sys.path.insert(0, here)
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise ModelError(f"model {spec!r}: {module} imports {error.name!r}, which is not installed") from error
        raise ModelError(
            f"model {spec!r}: no module {error.name!r} in {here} or on sys.path; run the command from its folder, or "
            "set PYTHONPATH"
        ) from error


def _takes_images(function: Any) -> bool:
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return False
    except ValueError:  # a builtin whose signature is not known
        return True
    return True

"""What a model to explain is, any callable on images, and the modules in it, left in the mode they were in."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from faceshards.counted import counted
from faceshards.errors import ModelError
from faceshards.ops.tensor import tensor_of

Model: TypeAlias = Callable[[Tensor], Any]
"""(B, C, H, W) to one row a face: a tensor or array (B, D), (B, 1) or (B,). It may be the first in a tuple, or
``logits`` of a dict, a dataclass or an object. A torch module, a method of one, or any callable."""


def numpy_model(function: Callable[[NDArray[Any]], Any], *, channels_last: bool = False) -> Model:
    """A function on arrays, such as an ONNX session or dlib's embedding, as a model.

        cam = FSCAM(numpy_model(lambda x: session.run(None, {"input": x})))
        maps = cam(images, 3, regions=regions)

    Args:
        function: (B, C, H, W) to (B, D) or (B,), or to a tuple or list that begins with that; or to a list of B rows.
        channels_last: give it (B, H, W, C) instead.

    Raises:
        ModelError: when called, for a list of B arrays (B,) of one dtype, which may be rows or one number a face and
            more.
    """

    def model(images: Tensor) -> Any:
        array = (images.movedim(1, -1) if channels_last else images).cpu().numpy()
        given = function(np.ascontiguousarray(array))
        if _begins_with_outputs(given, len(images)):
            given = given[0]
        return given if isinstance(given, Mapping) else tensor_of(np.asarray(given))

    return model


def _begins_with_outputs(given: Any, faces: int) -> bool:
    """Whether the first of a list or tuple is the output of all faces, and not the row of the first face."""
    if not isinstance(given, (list, tuple)) or not given or not isinstance(given[0], np.ndarray) or not given[0].ndim:
        return False
    alike = {getattr(part, "dtype", None) for part in given} == {given[0].dtype}
    if isinstance(given, tuple) or given[0].ndim > 1 or not alike:
        return True
    if len(given) == len(given[0]) == faces > 1:
        raise ModelError(
            f"the function gives a list of {counted(faces, 'array')} ({faces},) for {counted(faces, 'face')}; "
            "expected an array (B, D) or (B,); np.stack(rows) makes one of rows, and [0] takes the first of several "
            "outputs"
        )
    return len(given) != faces


def module_of(model: Model) -> nn.Module | None:
    """The module that a model is, or whose method it is, also in a `functools.partial`; None for other callables."""
    inner: Any = model
    while isinstance(inner, partial):
        inner = inner.func
    owner = getattr(inner, "__self__", inner)
    return owner if isinstance(owner, nn.Module) else None


def device_of(model: Model, images: Tensor) -> torch.device:
    """Where a module's parameters lie; for other callables, where the images do."""
    module = module_of(model)
    parameters = iter(()) if module is None else module.parameters()
    return next((p.device for p in parameters), images.device)


@contextmanager
def inference(model: Model) -> Iterator[None]:
    """Without gradients and, for a module, in eval mode; afterwards each submodule is in the mode it was in."""
    module = module_of(model)
    # A frozen TorchScript module has no mode.
    modes = [(m, m.training) for m in (() if module is None else module.modules()) if hasattr(m, "training")]
    try:
        if module is not None and hasattr(module, "training"):
            module.eval()  # a module may do more in its own train() than set the flag
        for submodule, _ in modes:
            submodule.training = False
        with torch.no_grad():
            yield
    finally:
        # Each module comes before those in it, to which its train() hands its own mode.
        for submodule, mode in modes:
            if submodule.training != mode:
                submodule.train(mode)
        for submodule, mode in modes:
            submodule.training = mode


@contextmanager
def last_normalised(model: Model) -> Iterator[list[Any]]:
    """While the context is open, the list holds what a module's normalising layers gave last; no hook outlives it."""
    module = module_of(model)
    last: list[Any] = []
    hooks: list[RemovableHandle] = []

    def keep(_layer: nn.Module, _inputs: Any, output: Any) -> None:
        last[:] = [output]  # the last alone: all of a deep net would fill the memory

    try:
        layers = () if module is None else module.modules()
        hooks.extend(layer.register_forward_hook(keep) for layer in layers if isinstance(layer, _NORMALISING))
        yield last
    finally:
        for hook in hooks:
            hook.remove()


def ends_in_norm(model: Model) -> bool:
    """Whether the last layer of a TorchScript module, in the order in which they were written, is a normalising one.

    No hook is called in TorchScript, so `last_normalised` sees nothing there.
    """
    module = module_of(model)
    if not isinstance(module, torch.jit.ScriptModule):
        return False
    names = [str(getattr(m, "original_name", "")) for m in module.modules() if not any(True for _ in m.children())]
    passing = ("Identity", "Flatten", *(n for n in names if "Dropout" in n))
    behind = [name for name in names if name not in passing]
    return bool(behind) and behind[-1].endswith(("Norm", "Norm1d", "Norm2d"))


# BatchNorm, SyncBatchNorm and InstanceNorm have the first as their base.
_NORMALISING = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)

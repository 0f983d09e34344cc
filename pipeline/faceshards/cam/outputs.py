"""What a model gives: run on images, found in whatever holds it, and checked to be one row a face."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from faceshards.cam.model import Model, ends_in_norm, last_normalised
from faceshards.errors import FaceShardsError, ModelError, ModelFailedError
from faceshards.faulttext import is_shortage
from faceshards.ops.tensor import tensor_of

_WANTED = (
    "a tensor or an array of one row a face: logits (B, classes), one logit (B, 1) or (B,), or embeddings (B, D); it "
    "may be the first in a tuple, or 'logits' of a dict or an object"
)


def outputs_of(model: Model, images: Tensor) -> Tensor:
    """Run a model once. Call this within `faceshards.cam.model.inference`.

    Args:
        model: see `faceshards.cam.model.Model`.
        images: (n, C, H, W). The model may write into them.

    Returns:
        (n, ...), at least two dimensions; one number a face becomes (n, 1). It may share memory with the model.

    Raises:
        ModelFailedError: the model raises an error.
        ModelError: it gives something else than one row of numbers a face.
    """
    what = described(images)
    try:
        given = model(images)
    except (FaceShardsError, torch.OutOfMemoryError):
        raise
    # A model is its user's, and may raise any error.
    except Exception as error:
        if is_shortage(error):
            raise
        raise ModelFailedError(
            f"the model refuses faces of {what}: {error!r}; expected a model of such images (B, C, H, W) that gives "
            f"{_WANTED}. A class or function that makes a model must be called: on the command line module:function()"
        ) from error
    return _rows(_tensor(given, what), len(images), what, in_list=isinstance(given, list))


def whole_outputs(model: Model, images: Tensor, batch_size: int) -> tuple[Tensor, bool]:
    """What the model gives for faces with nothing hidden. Call this within `faceshards.cam.model.inference`.

    Returns:
        outputs: (B, ...), memory of its own.
        normalised: whether a normalising layer made them: a batch or layer norm without anything behind it.

    Raises:
        ModelError: as `outputs_of`, or rows of different lengths.
    """
    parts: list[Tensor] = []
    normalised = ends_in_norm(model)
    for part in torch.split(images, batch_size):
        with last_normalised(model) as seen:
            found = outputs_of(model, part.clone())
        normalised |= made_by(found, seen)
        parts.append(found.clone())
        check_alike(parts[0], found)
    return torch.cat(parts), normalised


def made_by(outputs: Tensor, layers: list[Any]) -> bool:
    """Whether what one of some layers gave is the output: itself, a copy, in another dtype or times a number."""
    return any(_is_same(outputs, of_layer) for of_layer in layers)


def check_alike(first: Tensor, found: Tensor) -> None:
    """Raise ModelError where a model's rows have another shape than those of the batch before."""
    if first.shape[1:] != found.shape[1:]:
        raise ModelError(
            f"expected rows of the same shape for every batch; the model gives {tuple(first.shape[1:])} a face for a "
            f"batch of {len(first)} and {tuple(found.shape[1:])} for one of {len(found)}; does it mix faces?"
        )


def as_table(outputs: Tensor) -> Tensor:
    """(n, D) of outputs (n, D) or (n, D, 1, 1); raises ModelError for others."""
    if outputs[0].numel() != outputs.shape[1]:
        raise ModelError(
            f"the model gives {tuple(outputs.shape)}; expected logits or embeddings, one row a face: "
            f"({len(outputs)}, D); "
            "pass a model that gives that, or targets=<a callable that makes one number of a face's output>"
        )
    return outputs.flatten(1)


def described(images: Tensor) -> str:
    """Dtype and shape in words."""
    return f"{str(images.dtype).removeprefix('torch.')} {tuple(images.shape)}"


def _tensor(given: Any, what: str) -> Tensor:
    found = _unpacked(given, what)
    if isinstance(found, Tensor):
        return found.detach()
    array = np.asarray(found)
    if array.dtype.kind not in "biuf":
        raise ModelError(f"for faces of {what} the model gives {_named(given)}; expected {_WANTED}")
    return tensor_of(array)


def _unpacked(given: Any, what: str) -> Any:
    """What is to be explained, of whatever the model gives."""
    if isinstance(given, (Tensor, np.ndarray)):
        return given
    if isinstance(given, tuple) and hasattr(given, "_fields"):
        return given.logits if hasattr(given, "logits") else given[0]
    if isinstance(given, (tuple, list)):
        return given[0] if given else None
    parts = _parts(given)
    if "logits" in parts:
        return parts["logits"]
    rows = {name: part for name, part in parts.items() if isinstance(part, (Tensor, np.ndarray))}
    if len(rows) == 1:
        return next(iter(rows.values()))
    if parts:
        raise ModelError(
            f"for faces of {what} the model gives a {type(given).__name__} with {', '.join(map(repr, parts))}, and no "
            "'logits'; say which to explain: FSCAM(lambda x: model(x)['name'].float(), ...)"
        )
    return given


def _parts(given: Any) -> dict[str, Any]:
    if isinstance(given, Mapping):
        return {str(key): value for key, value in given.items()}
    if is_dataclass(given) and not isinstance(given, type):
        return {field.name: getattr(given, field.name) for field in fields(given)}
    return {"logits": given.logits} if hasattr(given, "logits") else {}


def _rows(found: Tensor, faces: int, what: str, *, in_list: bool) -> Tensor:
    if found.is_complex() or found.layout != torch.strided or found.is_quantized or found.is_meta:
        raise ModelError(
            f"for faces of {what} the model gives {found.layout} {found.dtype} on {found.device}; expected {_WANTED}"
        )
    if found.ndim == 0 and faces == 1:
        return found.reshape(1, 1)
    # The first of a list of rows has the form of one logit a face when there are as many faces as entries.
    if found.ndim == 0 or len(found) != faces or found[:1].numel() == 0 or (in_list and found.ndim == 1):
        listed = " first in a list (of rows? stack them)" if in_list else ""
        raise ModelError(
            f"for faces of {what} the model gives {tuple(found.shape)}{listed}; expected logits or embeddings, one row "
            f"a face: ({faces}, D)"
        )
    return found[:, None] if found.ndim == 1 else found


def _is_same(outputs: Tensor, of_layer: Any) -> bool:
    if not isinstance(of_layer, Tensor) or outputs.numel() != of_layer.numel():
        return False
    if outputs.data_ptr() == of_layer.data_ptr():
        return True
    ours, theirs = (_scaled(tensor.detach().to(outputs.device)) for tensor in (outputs, of_layer))
    return torch.allclose(ours, theirs, rtol=0, atol=2e-3 if _is_half(outputs) or _is_half(of_layer) else 1e-5)


def _scaled(values: Tensor) -> Tensor:
    """Flat float32, the largest magnitude +1; all zeros become NaN, which equals nothing."""
    flat = values.flatten().double() if values.dtype == torch.float64 else values.flatten().float()
    return (flat / flat[flat.abs().argmax()]).float()


def _is_half(values: Tensor) -> bool:
    return values.dtype in (torch.float16, torch.bfloat16)


def _named(given: Any) -> str:
    if isinstance(given, (tuple, list)):
        return f"a {type(given).__name__} of {', '.join(type(part).__name__ for part in given) or 'nothing'}"
    return f"a {type(given).__name__}"

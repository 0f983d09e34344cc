"""Files of named tensors: safetensors and ``.pth``, read without running anything in them."""

from pathlib import Path
from pickle import UnpicklingError
from typing import TypeAlias

import torch
from torch import Tensor

from faceshards.errors import MissingExtraError, WeightsError

State: TypeAlias = dict[str, Tensor]


def read_safetensors(path: Path, what: str) -> tuple[State, dict[str, str]]:
    """Tensors and metadata of a safetensors file; `what` names it in errors.

    Raises:
        WeightsError: the file is damaged.
        MissingExtraError: the library safetensors is not installed.
    """
    try:
        from safetensors import SafetensorError, safe_open
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{what}: reading safetensors needs an extra: pip install 'faceshards[pipeline]' ({error})"
        ) from error
    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise WeightsError(f"{what}: expected a safetensors file; found a damaged one: {error}") from error


def read_state(path: Path, what: str) -> State:
    """The state dict of a PyTorch file, which may lie under ``state_dict`` or ``model`` and begin with ``module.``.

    Raises:
        WeightsError: the file is damaged, or holds anything but tensors and plain values.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise WeightsError(
            f"{what}: expected a PyTorch file of tensors and plain values; found a damaged one, or one that wants to "
            f"run code, which is refused. Save the state dict alone. ({type(error).__name__}: {_cause(error)})"
        ) from error
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        raise WeightsError(f"{what}: expected a state dict; found {type(content).__name__}")
    return {str(k).removeprefix("module."): v for k, v in content.items() if isinstance(v, Tensor)}


def _cause(error: Exception) -> str:
    """PyTorch's reason without its advice, which is to load such files unsafely."""
    return str(error).rpartition("WeightsUnpickler error: ")[2].strip().partition("\n")[0]

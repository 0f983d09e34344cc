"""Files of named tensors: safetensors and ``.pth``, read without running anything in them.

The tensors that come back take no more bytes than their file has. A file may claim any shape and spread one number over
it, or be packed, and whoever copied its tensors would fill the memory.
"""

from pathlib import Path
from typing import TypeAlias
from zipfile import ZIP_STORED, BadZipFile, ZipFile, is_zipfile

import torch
from torch import Tensor

from faceshards.errors import MissingExtraError, WeightsError
from faceshards.faulttext import is_shortage

State: TypeAlias = dict[str, Tensor]

_MOST_TEXT = 2**26
"""Bytes that the packed members of a file may come to: the code of a TorchScript file has some thousands."""


def read_safetensors(path: Path, what: str) -> tuple[State, dict[str, str]]:
    """Tensors and metadata of a safetensors file; `what` names it in errors.

    Raises:
        WeightsError: the file is damaged, or its tensors are no plain ones of its own bytes.
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
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except (SafetensorError, OSError, ValueError, RuntimeError, TypeError, KeyError, AttributeError) as error:
        if is_shortage(error):
            raise
        raise WeightsError(f"{what}: expected a safetensors file; found a damaged one: {error}") from error
    return _of_own_bytes(state, path, what), metadata


def read_state(path: Path, what: str) -> State:
    """The state dict of a PyTorch file, which may lie under ``state_dict`` or ``model`` and begin with ``module.``.

    Raises:
        WeightsError: the file is damaged, packed, holds anything but tensors and plain values, or tensors that are no
            plain ones of its own bytes.
    """
    refuse_packed(path, what)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a pickle that is no pickle of tensors can raise nearly anything
        if is_shortage(error):
            raise WeightsError(
                f"{what}: memory ran out while it was read: it is damaged and claims more than it has, or memory is "
                f"short. Compare its size with where it comes from. ({type(error).__name__}: {error})"
            ) from error
        raise WeightsError(
            f"{what}: expected a PyTorch file of tensors and plain values; found a damaged one, or one that wants to "
            f"run code, which is refused. Save the state dict alone. ({type(error).__name__}: {_cause(error)})"
        ) from error
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        raise WeightsError(f"{what}: expected a state dict; found {type(content).__name__}")
    state = {str(k).removeprefix("module."): v for k, v in content.items() if isinstance(v, Tensor)}
    return _of_own_bytes(state, path, what)


def refuse_packed(path: Path, what: str) -> None:
    """Refuse a zip that unpacks to much more than it has: PyTorch stores tensors as they are, and packs texts alone.

    Raises:
        WeightsError: it is such a zip, or a damaged one.
    """
    try:
        if not is_zipfile(path):
            return
        with ZipFile(path) as archive:
            members = archive.infolist()
    except (BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise WeightsError(f"{what}: expected a PyTorch file; found a damaged one: {error}") from error
    size = path.stat().st_size
    unpacked = sum(member.file_size for member in members if member.compress_type != ZIP_STORED)
    longest = max((member.file_size for member in members if member.compress_type == ZIP_STORED), default=0)
    if unpacked > _MOST_TEXT or longest > size:
        raise WeightsError(
            f"{what}: expected a PyTorch file, whose tensors are stored as they are; its {size:,} bytes claim to "
            f"unpack to {unpacked + longest:,}; save it anew with torch.save"
        )


def _of_own_bytes(state: State, path: Path, what: str) -> State:
    """The same tensors, where each is a plain one and all are together no longer than the file.

    Raises:
        WeightsError: naming the first that is not.
    """
    size = left = path.stat().st_size
    for name, tensor in state.items():
        plain = tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
        if not plain or tensor.is_complex():
            raise WeightsError(
                f"{what}: {name}: expected numbers, one after the other; found a {tensor.layout} tensor of "
                f"{tensor.dtype} on {tensor.device}; save it as a plain one"
            )
        left -= tensor.numel() * tensor.element_size()
        if left < 0:
            raise WeightsError(
                f"{what}: {name}: expected tensors of no more than the {size:,} bytes of the file; found the shape "
                f"{tuple(tensor.shape)}, by which they take {size - left:,}"
            )
    return state


def _cause(error: Exception) -> str:
    """PyTorch's reason without its advice, which is to load such files unsafely."""
    return str(error).rpartition("WeightsUnpickler error: ")[2].strip().partition("\n")[0]

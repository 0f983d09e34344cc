"""Which device a network runs on, and in which precision."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import torch

from faceshards.errors import DeviceError

if TYPE_CHECKING:
    from faceshards.parsing.weights import Weights

PrecisionName: TypeAlias = Literal["auto", "bf16", "fp32"]


def resolve_device(name: str) -> torch.device:
    """``"auto"`` takes CUDA when it is there; ``"cuda"`` and ``"cuda:1"`` insist on it.

    Raises:
        DeviceError: CUDA was asked for and is not there, or the name is of no device that anything here runs on.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    expected = f"unknown device {name!r}; expected auto, cpu, cuda or cuda:N"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(expected) from error
    if device.type not in ("cpu", "cuda"):
        raise DeviceError(expected)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f"expected a CUDA device for {name!r}; PyTorch {torch.__version__} finds {torch.cuda.device_count()}. "
            "Use auto or cpu, or install a CUDA build of PyTorch and check that nvidia-smi lists the device"
        )
    return device


def resolve_precision(name: str, device: torch.device) -> torch.dtype:
    """``"auto"`` takes fp16 on CUDA and fp32 on the CPU, where other processors find the same regions.

    Raises:
        DeviceError: the name means nothing.
    """
    if name not in (names := get_args(PrecisionName)):
        raise DeviceError(f"unknown precision {name!r}; expected one of {', '.join(names)}")
    if name != "auto":
        return torch.bfloat16 if name == "bf16" else torch.float32
    return torch.float16 if device.type == "cuda" else torch.float32


def torch_release() -> str:
    """PyTorch's release without the tag of its build, ``2.13.0`` of ``2.13.0+cu130``: what stores say of it."""
    return torch.__version__.partition("+")[0]


def provenance_of(weights: "Weights", device: str, dtype: torch.dtype, mirror: bool) -> Mapping[str, str]:
    """What decides the regions that one of our networks finds, and its licence: see `Parser.provenance`.

    Args:
        weights: from `load_weights`.
        device: its kind, ``"cpu"`` or ``"cuda"``.
        dtype: of weights and activations.
        mirror: whether the network sees the mirrored face too.
    """
    return MappingProxyType(
        {
            "weights_sha256": weights.sha256,
            "weights_licence": weights.licence,
            "temperature": weights.calibration,
            "device": device,
            "precision": str(dtype).removeprefix("torch."),
            "mirror": str(mirror).lower(),
            "torch": torch_release(),
        }
    )

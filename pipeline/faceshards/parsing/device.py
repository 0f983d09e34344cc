"""Which device a network runs on."""

from typing import Literal, TypeAlias

import torch

from faceshards.errors import DeviceError

DeviceName: TypeAlias = Literal["auto", "cpu", "cuda"]


def resolve_device(name: str) -> torch.device:
    """``"auto"`` takes CUDA when it is there; ``"cuda"`` and ``"cuda:1"`` insist on it.

    Raises:
        DeviceError: CUDA was asked for and is not there, or the name means nothing.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"unknown device {name!r}; expected auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f"expected a CUDA device for {name!r}; PyTorch {torch.__version__} finds {torch.cuda.device_count()}. "
            "Use auto or cpu, or install a CUDA build of PyTorch and check that nvidia-smi lists the device"
        )
    return device

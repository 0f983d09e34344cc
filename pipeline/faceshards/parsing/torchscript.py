"""TorchScript networks."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from faceshards.errors import WeightsError
from faceshards.faulttext import is_shortage
from faceshards.parsing.device import resolve_device, torch_release
from faceshards.parsing.networks import no_such_output, refused
from faceshards.parsing.statefile import refuse_packed


class TorchScriptNetwork:
    """A scripted or traced network.

    The file is a program in a small language of its own. Loading reads no Python pickle and imports nothing, but the
    program runs with every operator that PyTorch registers: take it from somebody you trust.

    Args:
        path: from ``torch.jit.save``.
        output: position in a tuple or list that the network returns, or key of a dict.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Raises:
        WeightsError: it is no TorchScript file, or a damaged one.
        DeviceError: CUDA was asked for and is not there.
    """

    def __init__(self, path: Path, output: int | str, device: str) -> None:
        self._path = path
        self._output = output
        self.device = resolve_device(device)
        refuse_packed(path, str(path))
        try:
            with warnings.catch_warnings():
                # Deprecated for torch.export, whose files are pickles that run what they like.
                warnings.filterwarnings("ignore", "`torch.jit.load` is deprecated", DeprecationWarning)
                self._module = torch.jit.load(path, map_location=self.device).eval()
        except Exception as error:  # what its parts raise where the file is damaged is of many classes
            if is_shortage(error):
                raise
            raise WeightsError(
                f"{path}: expected a TorchScript file, as torch.jit.save writes it; found none, or a damaged one. "
                f"A state dict or a pickled network will not do: script or trace the network. ({error})"
            ) from error
        self.provenance: Mapping[str, str] = MappingProxyType({"device": self.device.type, "torch": torch_release()})

    def __call__(self, inputs: Tensor) -> Tensor:
        """See `Network`."""
        try:
            outputs = self._module(inputs)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            if is_shortage(error):
                raise
            raise refused(self._path, inputs, error) from error
        return self._chosen(outputs)

    def _chosen(self, outputs: Any) -> Tensor:
        if isinstance(outputs, Tensor):
            chosen = outputs if self._output == 0 else None
        else:
            try:
                chosen = outputs[self._output]
            except (LookupError, TypeError):
                chosen = None
        if not isinstance(chosen, Tensor):
            raise no_such_output(self._path, self._output, _described(outputs))
        return chosen


def _described(outputs: object) -> str:
    if isinstance(outputs, dict):
        return f"a dict of {', '.join(map(repr, outputs))}"
    if isinstance(outputs, tuple | list):
        return f"{len(outputs)} of them: {', '.join(type(o).__name__ for o in outputs)}"
    return f"one {type(outputs).__name__}"

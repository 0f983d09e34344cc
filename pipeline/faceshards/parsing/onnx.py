"""ONNX networks, run by ONNX Runtime (the extra ``onnx``)."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from faceshards.errors import DeviceError, MissingExtraError, WeightsError
from faceshards.faulttext import is_shortage
from faceshards.parsing.device import torch_release
from faceshards.parsing.networks import no_such_output, refused

_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_ONE = 1


class OnnxNetwork:
    """An ONNX graph with one input. A graph runs no code of its own.

    Args:
        path: the file; weights that it keeps in other files lie beside it.
        output: position or name.
        device: ``"auto"`` (CUDA where ONNX Runtime has it), ``"cpu"`` or ``"cuda"``.

    Raises:
        MissingExtraError: ONNX Runtime is not installed.
        WeightsError: it is no ONNX file, a damaged one, has more than one input, or lacks the output.
        DeviceError: CUDA was asked for and ONNX Runtime does not have it.
    """

    device = torch.device("cpu")

    def __init__(self, path: Path, output: int | str, device: str) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtraError(f"{path}: ONNX needs an extra: pip install 'faceshards[onnx]' ({error})") from error
        provider = _provider(device, onnxruntime.get_available_providers())
        options = onnxruntime.SessionOptions()
        # Threads change the order of sums, and with it a pixel now and then: the caller's threads share out whole runs.
        options.intra_op_num_threads = options.inter_op_num_threads = _ONE
        options.use_deterministic_compute = True
        options.log_severity_level = 3  # errors, which also come as exceptions
        try:
            self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=[provider])
        except Exception as error:  # ONNX Runtime's errors have no common base of their own
            if is_shortage(error):
                raise
            raise WeightsError(f"{path}: expected an ONNX file; ONNX Runtime cannot read it: {error}") from error
        self._path = path
        self._input = self._only_input()
        self._output = self._output_name(output)
        self.provenance: Mapping[str, str] = MappingProxyType(
            {
                "device": "cuda" if provider == _CUDA else "cpu",
                "onnxruntime": onnxruntime.__version__.partition("+")[0],
                "torch": torch_release(),
            }
        )

    def __call__(self, inputs: Tensor) -> Tensor:
        """See `Network`."""
        try:
            (output,) = self._session.run([self._output], {self._input: inputs.numpy()})
        except Exception as error:  # see above
            if is_shortage(error):
                raise
            raise refused(self._path, inputs, error) from error
        try:
            return torch.from_numpy(output)
        except TypeError as error:  # a list of tensors, or texts
            found = "a list of tensors" if isinstance(output, list) else "texts"
            raise WeightsError(
                f"{self._path}: expected a tensor of numbers from its output {self._output!r}; found {found}. Set "
                "`output` to the one with the logits"
            ) from error

    def _only_input(self) -> str:
        names = [node.name for node in self._session.get_inputs()]
        if len(names) != _ONE:
            raise WeightsError(f"{self._path}: expected one input, the images; found {len(names)}: {', '.join(names)}")
        return str(names[0])

    def _output_name(self, output: int | str) -> str:
        names = [str(node.name) for node in self._session.get_outputs()]
        if output in names:
            return str(output)
        if isinstance(output, str) or output >= len(names):
            raise no_such_output(self._path, output, f"{len(names)} of them: {', '.join(names)}")
        return names[output]


def _provider(device: str, available: list[str]) -> str:
    if device not in ("auto", "cpu", "cuda"):
        raise DeviceError(f"unknown device {device!r} for an ONNX network; expected auto, cpu or cuda")
    if device == "cuda" and _CUDA not in available:
        raise DeviceError(
            f"expected ONNX Runtime with {_CUDA}; found {', '.join(available)}. Use auto or cpu, or install "
            "onnxruntime-gpu in the place of onnxruntime"
        )
    return _CUDA if device != "cpu" and _CUDA in available else _CPU

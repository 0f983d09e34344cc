"""The bundled weights as a path for `load_parser`, also where the library safetensors is not installed."""

import json
from importlib.util import find_spec
from pathlib import Path

import torch
from gpu_check import Context

import faceshards.parsing
from faceshards.parsing.deviceparser import DeviceParser
from faceshards.parsing.replay import Making
from faceshards.parsing.weights import BUNDLED, load_weights

_DTYPES = {"F16": torch.float16, "F32": torch.float32, "BF16": torch.bfloat16, "I64": torch.int64}


def weights_of(context: Context) -> str:
    """The bundled ones. Without safetensors their tensors are copied to a .pth file, whose temperature is 1."""
    if find_spec("safetensors"):
        return BUNDLED
    path = context.work / "bundled.pth"
    if not path.is_file():
        data = (Path(faceshards.parsing.__file__).parent / "bundled.safetensors").read_bytes()
        torch.save(_tensors(data), path)
    context.notes.leave_out("the calibration of the bundled weights: safetensors is not installed")
    return str(path)


def _tensors(data: bytes) -> dict[str, torch.Tensor]:
    """Of a safetensors file: 8 bytes of length, a JSON table, and the numbers."""
    length = int.from_bytes(data[:8], "little")
    table = json.loads(data[8 : 8 + length])
    body = bytearray(data[8 + length :])
    return {
        name: torch.frombuffer(
            body, dtype=_DTYPES[entry["dtype"]], count=_count(entry), offset=entry["data_offsets"][0]
        )
        .reshape(entry["shape"])
        .clone()
        for name, entry in table.items()
        if name != "__metadata__"
    }


def _count(entry: dict[str, list[int]]) -> int:
    start, stop = entry["data_offsets"]
    return (stop - start) // _DTYPES[str(entry["dtype"])].itemsize


def device_parser(context: Context, precision: str = "auto", making: Making | None = None) -> DeviceParser:
    """The bundled parser as it runs on a GPU; in a dry run the same on the CPU, in small batches and fp32."""
    device = torch.device(context.device)
    dtypes = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
    dtypes["auto"] = context.pick(torch.float16, torch.float32)
    making = making or Making(batch=context.pick(Making.batch, 2))
    return DeviceParser(load_weights(weights_of(context)), device, dtypes[precision], True, making, timed=True)

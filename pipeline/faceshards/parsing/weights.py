"""Network weights on disk: safetensors (ours) and ``.pth`` (anyone's), read without running anything in them."""

import json
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TypeAlias

import torch

from faceshards.counted import counted
from faceshards.errors import WeightsError, WeightsNotFoundError
from faceshards.parsing.efficientnet import EfficientUNet
from faceshards.parsing.layout import matching_names
from faceshards.parsing.statefile import State, read_safetensors, read_state
from faceshards.parsing.unet import FULL_CHANNELS, UNet
from faceshards.regions import N_REGIONS
from faceshards.store.durable import sha256_of, write_file

AnyUNet: TypeAlias = UNet | EfficientUNet
"""What the parser runs and training trains."""

BUNDLED = "bundled"
NORMALISATION = "rgb / 127.5 - 1"
NOT_STATED = "not stated"
NOT_CALIBRATED = "not calibrated"

_COUNTER = "num_batches_tracked"  # of batch norm: training only
_LISTED = 10
_LENGTH_BYTES = 8
_WIDEST = 16
"""So many times as wide as the paper's network at most: its shapes alone are some thousands of millions of numbers."""


@dataclass(frozen=True)
class Weights:
    """A network with its weights, and where they came from.

    Attributes:
        network: fp32, in eval mode, on the CPU.
        metadata: of a safetensors file (architecture, classes, normalisation, licence, date, ...); else empty.
        sha256: of the file.
        temperature: what the logits of a face are divided by to make their softmax a probability; 1 where nobody has
            calibrated the weights.
    """

    network: AnyUNet
    metadata: Mapping[str, str]
    sha256: str
    temperature: float = 1.0

    @property
    def licence(self) -> str:
        """Of the weights, as their file says; or that it does not."""
        return self.metadata.get("licence", NOT_STATED)

    @property
    def calibration(self) -> str:
        """The temperature that the file brings; or that it brings none."""
        return f"{self.temperature:g}" if "temperature" in self.metadata else NOT_CALIBRATED


def load_weights(weights: str | Path = BUNDLED) -> Weights:
    """Read the parser's weights; the network and its width follow from keys and shapes.

    Args:
        weights: ``"bundled"``, or a ``.safetensors`` file, or a ``.pth`` file with a state dict, which may lie under
            ``state_dict`` or ``model``, whose keys may begin with ``module.``, and whose layers may have other names
            within the network's parts (see `layout`).

    Raises:
        WeightsNotFoundError: there is no such file.
        WeightsError: keys are missing, surplus or misshapen, the number of classes is not 25, or the file is damaged
            or holds anything but tensors and plain values; nothing in it is ever run.
    """
    what = "the bundled weights" if weights == BUNDLED else str(weights)
    with _located(weights) as path:
        if not path.is_file():
            raise WeightsNotFoundError(
                f"{what}: no such file; expected 'bundled', or a .safetensors, .pth or .yaml file"
            )
        state, metadata = (
            read_safetensors(path, what) if path.suffix == ".safetensors" else (read_state(path, what), {})
        )
        return Weights(_network(state, what), metadata, sha256_of(path), _temperature(metadata, what))


def save_weights(network: AnyUNet, path: Path, metadata: Mapping[str, str]) -> None:
    """Write a network as fp16 safetensors; architecture, classes and normalisation are added to the metadata.

    The same network and metadata give the same bytes.

    Raises:
        WeightsError: a number is none that fp16 has.
    """
    from safetensors.torch import save

    state = {k: v.detach().cpu().half().contiguous() for k, v in network.state_dict().items() if _COUNTER not in k}
    if beyond := [k for k, v in state.items() if not v.isfinite().all()]:
        raise WeightsError(
            f"{path}: expected weights that fp16 can hold, up to 65,504; found others in {_some(beyond)}. Nothing was "
            "written; train with a lower `learning_rate`"
        )
    about = {**network.describe(), "classes": str(network.final.out_channels), "normalisation": NORMALISATION}
    write_file(path, _in_order(save(state, metadata={**metadata, **about})))


def _in_order(data: bytes) -> bytes:
    """The same safetensors file with its metadata sorted: the library draws their order anew each time."""
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    table = json.loads(data[_LENGTH_BYTES : _LENGTH_BYTES + length])
    table["__metadata__"] = dict(sorted(table["__metadata__"].items()))
    text = json.dumps(table, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _LENGTH_BYTES)  # the numbers begin at a multiple of it
    return len(text).to_bytes(_LENGTH_BYTES, "little") + text + data[_LENGTH_BYTES + length :]


def _temperature(metadata: Mapping[str, str], what: str) -> float:
    text = metadata.get("temperature", "1")
    try:
        temperature = float(text)
    except ValueError:
        temperature = math.nan
    if not 0 < temperature < math.inf:
        raise WeightsError(f"{what}: expected a temperature above 0 in its metadata; found {text!r}")
    return temperature


def _located(weights: str | Path) -> AbstractContextManager[Path]:
    if weights == BUNDLED:
        return resources.as_file(resources.files("faceshards.parsing") / "bundled.safetensors")
    return nullcontext(Path(weights))


def _network(state: State, what: str) -> AnyUNet:
    state = {k: v for k, v in state.items() if _COUNTER not in k}
    kind = _kind(state, what)
    with torch.device("meta"):  # shapes alone: a file may claim any width
        empty = kind()
    expected = {k: tuple(v.shape) for k, v in empty.state_dict().items() if _COUNTER not in k}
    names = matching_names({k: v.shape for k, v in state.items()}, expected)
    state = {names[k]: v for k, v in state.items()}
    head = state.get("final.weight")
    if head is not None and head.shape[:1] != (N_REGIONS,):
        raise WeightsError(f"{what}: expected {N_REGIONS} classes, found {len(head)} (the rows of final.weight)")
    problems = {
        "missing": [k for k in expected if k not in state],
        "unexpected": [k for k in state if k not in expected],
        "misshapen": [
            f"{k} (expected {expected[k]}, found {tuple(v.shape)})"
            for k, v in state.items()
            if k in expected and tuple(v.shape) != expected[k]
        ],
    }
    if any(problems.values()):
        listed = "; ".join(f"{len(keys)} {kind}: {_some(keys)}" for kind, keys in problems.items() if keys)
        about = " ".join(empty.describe().values())
        raise WeightsError(f"{what}: the keys do not fit {about}: {listed}")
    network = kind().eval()
    # All but the counters, as checked above.
    network.load_state_dict({k: v.float() for k, v in state.items()}, strict=False)
    return network.requires_grad_(False)


def _kind(state: State, what: str) -> Callable[[], AnyUNet]:
    if "stem.0.weight" in state:
        return EfficientUNet
    stem = next((v for k, v in state.items() if k.startswith("conv0.") and v.ndim == 4), None)
    if stem is None:
        raise WeightsError(
            f"{what}: expected keys beginning conv0 .. conv4, up_concat4 .. up_concat1, final; "
            f"found no convolution under conv0 among {counted(len(state), 'key')}: {_some(sorted(state))}"
        )
    width = stem.shape[0] / FULL_CHANNELS[0]
    if not 0 < width <= _WIDEST:
        raise WeightsError(
            f"{what}: expected 1 to {_WIDEST * FULL_CHANNELS[0]} channels in the first convolution; found "
            f"{stem.shape[0]:,}"
        )
    return partial(UNet, width)


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:_LISTED]) + (f" and {len(keys) - _LISTED} more" if len(keys) > _LISTED else "")

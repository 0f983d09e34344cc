"""The description of somebody else's face parsing network, as a YAML file."""

from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, field_validator
from pydantic.dataclasses import dataclass

from faceshards.errors import UnknownRegionError, WeightsNotFoundError
from faceshards.parsing.networks import Channels, Output
from faceshards.parsing.schemes import ClassMap, SchemeName
from faceshards.yamlfile import read_yaml

_Positive = Annotated[int, Field(ge=1)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Divisor = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_MOST_CLASSES = 255


@dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True))
class AdapterParams:
    """How to feed a network, and what its outputs mean. A pixel goes in as ``(value / scale - mean) / std``.

    Attributes:
        model: ``.onnx``, or TorchScript (``.pt``, ``.ts``, ``.torchscript``); relative to the YAML file.
        classes: a scheme's name, or one of `schemes.CLASS_NAMES` for each class in the order of the outputs.
        size: (height, width) that the network takes; faces are resized to it and the logits back.
        mean: of each channel, in the order that `channels` says.
        std: of each channel, in the same order.
        channels: the order in which the network takes them.
        scale: what pixel values 0-255 are divided by first.
        output: which of several outputs holds the logits: a position, or a name.
        batch: faces in a pass; an exported network may have a fixed one.
        sha256: of the model, checked where it is given.
    """

    model: str
    classes: SchemeName | tuple[str, ...]
    size: tuple[_Positive, _Positive]
    mean: tuple[_Finite, _Finite, _Finite]
    std: tuple[_Divisor, _Divisor, _Divisor]
    channels: Channels = "rgb"
    scale: _Divisor = 255.0
    output: Output = 0
    batch: _Positive = 1
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None

    @field_validator("classes")
    @classmethod
    def _mean_something(cls, value: SchemeName | tuple[str, ...]) -> SchemeName | tuple[str, ...]:
        try:
            names = ClassMap.of(value).names
        except UnknownRegionError as error:
            raise ValueError(str(error)) from error
        if len(names) > _MOST_CLASSES:
            raise ValueError(f"expected at most {_MOST_CLASSES} classes, found {len(names)}")
        return value


def read_adapter(path: Path) -> AdapterParams:
    """Read the description of a network.

    Raises:
        WeightsNotFoundError: there is no such file.
        ParamsError: it is no YAML 1.2, or a key is unknown, missing, or has a value that it cannot have.
    """
    try:
        return read_yaml(path, TypeAdapter(AdapterParams))
    except FileNotFoundError as error:
        raise WeightsNotFoundError(f"{path}: no such file; expected the description of a network") from error

"""The description of somebody else's face parsing network, as a YAML file."""

from pathlib import Path
from typing import Annotated, TypeAlias

import numpy as np
from pydantic import ConfigDict, Field, TypeAdapter, field_validator
from pydantic.dataclasses import dataclass

from faceshards.errors import BadSampleError, UnknownRegionError
from faceshards.ops.align import similarity
from faceshards.parsing.framing import scale_of
from faceshards.parsing.networks import Channels, Output
from faceshards.parsing.schemes import ClassMap, SchemeName
from faceshards.zoo.published import Published, read_description

_Side = Annotated[int, Field(ge=1, le=4096)]
_Batch = Annotated[int, Field(ge=1, le=1024)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Divisor = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Point: TypeAlias = tuple[_Finite, _Finite]
_MOST_CLASSES = 255
_LEAST_WARP = 0.01
_SMALLEST, _LARGEST = 0.2, 10.0


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", strict=True))
class AdapterParams(Published):
    """How to feed a network, and what its outputs mean. A pixel goes in as ``(value / scale - mean) / std``.

    What is said of the file itself are the attributes of `Published`.

    Attributes:
        classes: a scheme's name, or one of `schemes.CLASS_NAMES` for each class in the order of the outputs.
        size: (height, width) that the network takes, at most 4096 each.
        mean: of each channel, in the order that `channels` says.
        std: of each channel, in the same order.
        channels: the order in which the network takes them.
        scale: what pixel values 0-255 are divided by first.
        points: where the network expects right eye, left eye, nose tip, right and left mouth corner (the person's
            right), as (x, y) in pixels of its input, 0 at its left and upper edge. None: the aligned face fills the
            input.
        tanh_warp: how much of the input is squeezed by a tanh towards its edges, as RoI tanh-warping does (Lin et al.,
            CVPR 2019): 0 for none, else from 0.01 to 1. Only with `points`.
        output: which of several outputs holds the logits: a position, or a name.
        batch: faces in a pass, at most 1024; an exported network may have a fixed one.
    """

    classes: SchemeName | tuple[str, ...]
    size: tuple[_Side, _Side]
    mean: tuple[_Finite, _Finite, _Finite]
    std: tuple[_Divisor, _Divisor, _Divisor]
    channels: Channels = "rgb"
    scale: _Divisor = 255.0
    points: tuple[Point, Point, Point, Point, Point] | None = None
    tanh_warp: Annotated[float, Field(ge=0, le=1)] = 0.0
    output: Output = 0
    batch: _Batch = 1

    def __post_init__(self) -> None:
        Published.__post_init__(self)
        if 0 < self.tanh_warp < _LEAST_WARP:
            raise ValueError(f"tanh_warp: expected 0, or {_LEAST_WARP} to 1; found {self.tanh_warp}")
        if self.tanh_warp and self.points is None:
            raise ValueError("tanh_warp: expected `points` with it, which say what it is centred on")

    @property
    def class_names(self) -> tuple[str, ...]:
        """One of `schemes.CLASS_NAMES` for each class, in the order of the outputs."""
        return ClassMap.of(self.classes).names

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

    @field_validator("points")
    @classmethod
    def _fit_a_face(cls, value: tuple[Point, ...] | None) -> tuple[Point, ...] | None:
        if value is not None:
            try:
                similarity(value)
            except BadSampleError as error:
                raise ValueError(error.detail) from error
            if not _SMALLEST <= (scale := scale_of(np.array(value))) <= _LARGEST:
                raise ValueError(
                    f"expected a face of {_SMALLEST:g} to {_LARGEST:g} times the aligned one's size; found {scale:.3g}"
                )
        return value


def read_adapter(path: Path) -> AdapterParams:
    """Read the description of a network.

    Raises:
        WeightsNotFoundError: there is no such file.
        ParamsError: it is no YAML 1.2, or a key is unknown, missing, or has a value that it cannot have.
    """
    return read_description(path, TypeAdapter(AdapterParams))

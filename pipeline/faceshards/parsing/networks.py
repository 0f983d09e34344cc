"""What a network of any framework looks like to the parser that runs it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Protocol, TypeAlias

import torch
from pydantic import Field
from torch import Tensor

from faceshards.errors import WeightsError

Channels: TypeAlias = Literal["rgb", "bgr"]

Output: TypeAlias = Annotated[int, Field(ge=0)] | Annotated[str, Field(min_length=1)]
"""Which of a network's outputs: a position, or a name."""


class Network(Protocol):
    """Runs a batch; safe to call from several threads."""

    device: torch.device
    """Where inputs are expected."""

    provenance: Mapping[str, str]
    """``device``, and the versions that decide the result."""

    def __call__(self, inputs: Tensor) -> Tensor:
        """(B, 3, H, W) float32 -> the output that was chosen, whatever its shape.

        Raises:
            WeightsError: the network does not take it, or has no such output.
        """
        ...


def no_such_output(path: Path, output: int | str, found: str) -> WeightsError:
    """The error of a network that lacks the output that its description chooses."""
    return WeightsError(
        f"{path}: expected an output {output!r}; found {found}. Set `output` to the one with the logits"
    )


def refused(path: Path, inputs: Tensor, error: Exception) -> WeightsError:
    """The error of a network that does not take what its description says."""
    return WeightsError(
        f"{path}: expected a network that takes {tuple(inputs.shape)} float32; it does not: {error}. "
        "Check `size` and `batch`, and that it has one input of 3 channels"
    )

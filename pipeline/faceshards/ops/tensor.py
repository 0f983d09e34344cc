"""Arrays of a user as tensors: torch takes fewer arrays than there are."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def tensor_of(given: Tensor | NDArray[Any]) -> Tensor:
    """An array as a tensor, whatever its strides and byte order, read-only or not; in its memory where torch can.

    A tensor stays what it is. Of ``regions[..., ::-1]``, which this takes, `torch.from_numpy` raises an error.

    Raises:
        TypeError: it is of a dtype that torch lacks.
    """
    if isinstance(given, Tensor):
        return given
    native = given.astype(given.dtype.newbyteorder("="), copy=False)
    # torch warns of memory that it may not write to.
    return torch.from_numpy(np.require(native, requirements=("C", "W")))

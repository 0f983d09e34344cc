"""Numbers that a user gives, looked at once where they come in."""

from contextlib import suppress
from math import isfinite
from operator import index
from typing import Any

import numpy as np

from faceshards.errors import ParamsError


def whole_number(name: str, value: Any, least: int) -> int:
    """A whole number of at least `least` and below 2**63, as an int: of Python, numpy or torch, but no bool and no 2.0.

    Raises:
        ParamsError: it is something else.
    """
    try:
        if isinstance(value, bool) or str(getattr(value, "dtype", "")) == "torch.bool":
            raise TypeError
        number = index(value)
    except TypeError:
        raise ParamsError(f"{name} must be a whole number, found {value!r}") from None
    if not least <= number < 2**63:
        raise ParamsError(f"{name} must be {f'{least} or more' if number < least else 'below 2**63'}, found {number}")
    return number


def finite_number(name: str, value: Any) -> float:
    """A finite number, as a float: of Python or numpy, but no bool.

    Raises:
        ParamsError: it is something else.
    """
    if not isinstance(value, bool) and isinstance(value, (int, float, np.integer, np.floating)):
        with suppress(OverflowError):  # of a whole number that no float can hold
            if isfinite(number := float(value)):
                return number
    raise ParamsError(f"{name} must be a finite number, found {value!r}")


def probability(name: str, value: Any) -> float:
    """A number from 0 to 1, as a float.

    Raises:
        ParamsError: it is something else.
    """
    number = finite_number(name, value)
    if not 0 <= number <= 1:
        raise ParamsError(f"{name} is a probability from 0 to 1, found {value!r}")
    return number


def flag(name: str, value: Any) -> bool:
    """True or False.

    Raises:
        ParamsError: it is something else.
    """
    if not isinstance(value, bool):
        raise ParamsError(f"{name} must be True or False, found {value!r}")
    return value

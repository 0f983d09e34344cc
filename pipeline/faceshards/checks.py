"""Numbers that a user gives, looked at once where they come in."""

from operator import index
from typing import Any

from faceshards.errors import ParamsError


def whole_number(name: str, value: Any, least: int) -> int:
    """A whole number of at least `least` and below 2**63, as an int: of Python, numpy or torch, but no bool and no 2.0.

    Raises:
        ParamsError: it is something else.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        number = index(value)
    except TypeError:
        raise ParamsError(f"{name} must be a whole number, found {value!r}") from None
    if not least <= number < 2**63:
        raise ParamsError(f"{name} must be {f'{least} or more' if number < least else 'below 2**63'}, found {number}")
    return number

"""An attribute that is a probability."""

from typing import Any

from faceshards.checks import probability


class Chance:
    """A number from 0 to 1 that may be set at any time, and is checked then; a `ParamsError` names the attribute."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> float:
        value: float = instance.__dict__[self._name]
        return value

    def __set__(self, instance: Any, value: float) -> None:
        instance.__dict__[self._name] = probability(self._name, value)

"""Values of JSON files that others may have written: each is looked at where it is read, and refused with its place."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from faceshards.errors import StoreFormatError

_SHOWN = 60  # characters of a value that does not fit
_DIGEST = 64
_HEX = set("0123456789abcdef")
LARGEST = 2**63 - 1


class JsonValue:
    """A value of a JSON file and its place there; each method gives it as what it must be, or refuses it.

    Two lines of use::

        split = JsonValue(json.loads(data), "dataset.json").member("splits").member("train")
        split.member("rows").whole(least=1)

    Args:
        value: of the whole file, as `json` reads it.
        file: what to call the file in an error.
        place: of the value in it: names of members and numbers of items; empty for the file itself.
    """

    __slots__ = ("_file", "_place", "value")

    def __init__(self, value: Any, file: str, place: tuple[str | int, ...] = ()) -> None:
        self.value, self._file, self._place = value, file, place

    def refuse(self, expected: str) -> NoReturn:
        """Raise the StoreFormatError that says what was expected and what is there."""
        shown = repr(self.value)
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
        raise StoreFormatError(
            f"{self._file}: {self._where()}expected {expected}; found {shown}. No release "
            "of faceshards writes that: build the store again, or take another copy"
        )

    def members(self) -> dict[str, "JsonValue"]:
        """Those of an object, by name."""
        if not isinstance(self.value, Mapping):
            self.refuse("an object")
        return {name: JsonValue(value, self._file, (*self._place, name)) for name, value in self.value.items()}

    def member(self, name: str) -> "JsonValue":
        """One of an object."""
        if not isinstance(self.value, Mapping) or name not in self.value:
            self.refuse(f"an object with {name!r}")
        return JsonValue(self.value[name], self._file, (*self._place, name))

    def items(self, most: int = LARGEST) -> list["JsonValue"]:
        """Those of a list of at most so many."""
        if not isinstance(self.value, list) or len(self.value) > most:
            self.refuse("a list" if most == LARGEST else f"a list of at most {most}")
        return [JsonValue(value, self._file, (*self._place, i)) for i, value in enumerate(self.value)]

    def text(self) -> str:
        """Text that can be written as UTF-8."""
        if not isinstance(self.value, str) or any("\ud800" <= character <= "\udfff" for character in self.value):
            self.refuse("text")
        return str(self.value)

    def whole(self, least: int = 0, most: int = LARGEST) -> int:
        """A whole number within bounds; no bool and no 2.0."""
        if type(self.value) is not int or not least <= self.value <= most:
            self.refuse(f"a whole number from {least} to {most}")
        return int(self.value)

    def one_of(self, known: Sequence[str]) -> str:
        """One of some texts."""
        if not isinstance(self.value, str) or self.value not in known:
            self.refuse(f"one of {', '.join(known)}")
        return self.value

    def sha256(self) -> str:
        """64 hexadecimal digits, lower case."""
        if not isinstance(self.value, str) or not is_sha256(self.value):
            self.refuse("a SHA-256 of 64 hexadecimal digits")
        return self.value

    def same(self, expected: Any) -> None:
        """A value that is known beforehand; 1, 1.0 and true are three."""
        if not _same(self.value, expected):
            self.refuse(json.dumps(expected))

    def _where(self) -> str:
        """The place, as people write it."""
        parts = []
        for part in self._place:
            plain = isinstance(part, str) and part.isidentifier()
            parts.append(f".{part}" if plain else f"[{repr(part)[:_SHOWN]}]")
        return f"{''.join(parts).removeprefix('.')}: " if parts else ""


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def is_sha256(text: str) -> bool:
    """Whether a text is a SHA-256 in lower-case hexadecimal digits."""
    return len(text) == _DIGEST and set(text) <= _HEX


def read_json(data: bytes) -> Any:
    """Read JSON (RFC 8259: no NaN, no infinity); any fault of it is a ValueError."""
    try:
        return json.loads(data, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("lists or objects within each other, too deep") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")

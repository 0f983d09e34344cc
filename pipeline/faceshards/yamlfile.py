"""A YAML file as a checked value: whatever does not fit is named, all of it at once."""

import json
import re
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from faceshards.errors import ParamsError
from faceshards.textfile import read_text

T = TypeVar("T")

_MOST_LETTERS = 2**20
_ALTERNATIVE = re.compile(r"(literal|tuple)\[.*\]|constrained-\w+")  # how pydantic names the branches of a union


def read_yaml(path: Path, schema: TypeAdapter[T]) -> T:
    """Read a YAML 1.2 file, which is what DVC reads, and check it strictly.

    Args:
        path: UTF-8 text.
        schema: of a pydantic dataclass that forbids unknown keys, or a union of such.

    Raises:
        FileNotFoundError: there is no such file.
        ParamsError: it is no plain file, no YAML 1.2, longer than any file of params, or a key is unknown, missing, or
            has a value that it cannot have.
    """
    text = read_text(path, ParamsError)
    if len(text) > _MOST_LETTERS:
        raise ParamsError(f"{path}: expected at most {_MOST_LETTERS:,} letters of YAML; found {len(text):,}")
    try:
        # The pure parser is the one of YAML 1.2.
        raw = YAML(typ="safe", pure=True).load(text)
        _refuse_growth(raw, len(text))
        # Through JSON, for only there does strict pydantic take a list for a tuple and a mapping for a dataclass.
        plain = json.dumps(raw, default=str)
    except (YAMLError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        # Besides its own errors the parser lets those of dates, numbers and tags out.
        raise ParamsError(
            f"{path}: expected YAML 1.2 that JSON can hold; found {error or 'too deep a nesting'}"
        ) from error
    try:
        return schema.validate_json(plain, strict=True)
    except ValidationError as error:
        raise ParamsError("\n  ".join([f"{path}: does not fit:", *_problems(error)])) from error


def _refuse_growth(value: object, most: int) -> None:
    """Refuse a value of more parts than its text has letters: by references to references it may have any number.

    Raises:
        ValueError: it has.
    """
    waiting = [value]
    for _ in range(most + 2):
        if not waiting:
            return
        part = waiting.pop()
        if isinstance(part, dict):
            for key in part:
                if not isinstance(key, str | int | float | bool | None):
                    raise ValueError(f"the key {key!s}, which is neither text nor a number; put it in quotes")
            waiting += part.values()
        elif isinstance(part, list | tuple | set):
            waiting += part
    raise ValueError("references (*name) to values that hold references; write them out")


def _problems(error: ValidationError) -> list[str]:
    problems = []
    for detail in error.errors(include_url=False):
        path = [str(part) for part in detail["loc"]]
        key = ".".join(part for part in path if not _ALTERNATIVE.fullmatch(part)) or "the file"
        message = detail["msg"].removeprefix("Value error, ").replace("a valid array", "a list")
        if detail["type"] == "unexpected_keyword_argument":
            problems.append(f"unknown key {key}")
        elif detail["type"] == "union_tag_not_found":
            problems.append(f"{key}: expected a key {detail['ctx']['discriminator']}, which says what it describes")
        elif detail["type"] == "value_error" or isinstance(detail["input"], dict | list):
            problems.append(f"{key}: {message}")
        else:
            problems.append(f"{key}: {message}; found {detail['input']!r}")
    return problems

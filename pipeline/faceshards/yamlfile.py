"""A YAML file as a checked value: whatever does not fit is named, all of it at once."""

import json
import re
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from faceshards.errors import ParamsError

T = TypeVar("T")

_ALTERNATIVE = re.compile(r"(literal|tuple)\[.*\]|constrained-\w+")  # how pydantic names the branches of a union


def read_yaml(path: Path, schema: TypeAdapter[T]) -> T:
    """Read a YAML 1.2 file, which is what DVC reads, and check it strictly.

    Args:
        path: UTF-8 text.
        schema: of a pydantic dataclass that forbids unknown keys, or a union of such.

    Raises:
        FileNotFoundError: there is no such file.
        ParamsError: it is no YAML 1.2, or a key is unknown, missing, or has a value that it cannot have.
    """
    try:
        # The pure parser is the one of YAML 1.2.
        raw = YAML(typ="safe", pure=True).load(path.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise ParamsError(f"{path}: expected UTF-8 text; found {error}") from error
    except YAMLError as error:
        raise ParamsError(f"{path}: expected YAML 1.2; found {error}") from error
    try:
        # Through JSON, for only there does strict pydantic take a list for a tuple and a mapping for a dataclass.
        return schema.validate_json(json.dumps(raw, default=str), strict=True)
    except ValidationError as error:
        raise ParamsError("\n  ".join([f"{path}: does not fit:", *_problems(error)])) from error


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

"""Small text files that a person may have edited: read whole, within a bound, or told by name."""

import stat
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from faceshards.errors import FaceShardsError

T = TypeVar("T")

MOST_BYTES = 2**26
"""The longest text that is read as params, a recipe, a description or a note."""


def read_text(path: Path, error: type[FaceShardsError]) -> str:
    """Read UTF-8 text.

    Args:
        path: of a plain file, or a link to one: a pipe would be waited for without an end.
        error: the class to raise.

    Raises:
        FileNotFoundError: there is no such file.
        FaceShardsError: `error`; it is no plain file, longer than `MOST_BYTES`, no UTF-8, or not to be read.

    Example:
        >>> read_text(Path("params.yaml"), ParamsError)[:6]
        'source'
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise error(f"{path}: expected a file of text; found a folder, a pipe, a socket or a device")
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as cause:
        raise error(f"{path}: expected a file that can be read; {cause.strerror}") from cause
    if len(data) > MOST_BYTES:
        raise error(f"{path}: expected at most {MOST_BYTES:,} bytes of text; found more")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as cause:
        raise error(f"{path}: expected UTF-8 text; found {cause}") from cause


def read_json(path: Path, schema: TypeAdapter[T], remedy: str, error: type[FaceShardsError]) -> T:
    """Read a JSON file and check it strictly.

    Args:
        path: the file.
        schema: of what it must hold.
        remedy: what to do where it does not; ends the message.
        error: the class to raise.

    Raises:
        FileNotFoundError: there is no such file.
        FaceShardsError: `error`; as `read_text`, or it is no JSON, or holds something else.

    Example:
        >>> read_json(Path("names.json"), TypeAdapter(dict[str, str]), "write it again", ParamsError)
    """
    text = read_text(path, error)
    try:
        return schema.validate_json(text, strict=True)
    except ValidationError as cause:
        first = cause.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise error(f"{path}: does not fit: {where + ': ' if where else ''}{first['msg']}; {remedy}") from cause

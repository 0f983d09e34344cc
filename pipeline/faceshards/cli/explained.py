"""What all commands share."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from faceshards.errors import FaceShardsError

PATH = click.Path(path_type=Path)


def explained(function: Callable[..., None]) -> Callable[..., None]:
    """Tell errors of ours as one message; anything else is a bug and keeps its traceback."""

    @functools.wraps(function)
    def wrapped(**options: Any) -> None:
        try:
            function(**options)
        except FaceShardsError as error:
            raise click.ClickException(str(error)) from error

    return wrapped

"""What all commands share."""

import functools
from collections.abc import Callable
from typing import Any

import click

from faceshards.commandline import errors_told, extra_named


def explained(function: Callable[..., None]) -> Callable[..., None]:
    """Tell errors as one message, and a missing package by the extra that brings it; see `faceshards.commandline`."""

    @functools.wraps(function)
    def wrapped(**options: Any) -> None:
        command = click.get_current_context().command_path
        with errors_told(function.__name__.strip("_")), extra_named(f"`{command}`"):
            function(**options)

    return wrapped

"""What all commands share."""

import functools
from collections.abc import Callable
from typing import Any

import click

from faceshards.cells import visible, visible_lines
from faceshards.commandline import errors_told, extra_named
from faceshards.errors import UnsupportedSystemError


def say(text: str, err: bool = False) -> None:
    """Print lines, in which names may come from anybody: what would drive the terminal is written out."""
    click.echo(visible_lines(text), err=err)


def say_one(line: str, err: bool = False) -> None:
    """`say` for one line with a name in it, which a break in the name leaves one."""
    click.echo(visible(line), err=err)


def explained(function: Callable[..., None]) -> Callable[..., None]:
    """Tell errors as one message, and a missing package by the extra that brings it; see `faceshards.commandline`."""

    @functools.wraps(function)
    def wrapped(**options: Any) -> None:
        command = click.get_current_context().command_path
        with errors_told(function.__name__.strip("_")), extra_named(f"`{command}`"):
            function(**options)

    return wrapped


def refuse_without_posix(command: str | None = None) -> None:
    """Say so where a command of the pipeline is called on a system that it cannot run on.

    Args:
        command: what to call it; None for the one that is running.

    Raises:
        click.ClickException: the system is no POSIX system.
    """
    try:
        import fcntl  # noqa: F401 (which no other system has)
    except ImportError:
        refused = UnsupportedSystemError(
            f"`{command or click.get_current_context().command_path}` runs on Linux and macOS: the pipeline needs "
            "locks, links and signals of POSIX, and this Python has no fcntl. On Windows run it in WSL. Stores are "
            "read, verified and exported here all the same"
        )
        raise click.ClickException(str(refused)) from refused

"""What all commands share."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from faceshards.cells import visible_lines
from faceshards.errors import FaceShardsError, UnsupportedSystemError
from faceshards.faulttext import is_refusal, told

PATH = click.Path(path_type=Path)


def say(text: str, err: bool = False) -> None:
    """Print lines, in which names may come from anybody: what would drive the terminal is written out."""
    click.echo(visible_lines(text), err=err)


def explained(function: Callable[..., None]) -> Callable[..., None]:
    """Tell errors of ours, and what the system refuses, as one message; all else is a bug and keeps its traceback."""

    @functools.wraps(function)
    def wrapped(**options: Any) -> None:
        try:
            function(**options)
        except FaceShardsError as error:
            raise click.ClickException(visible_lines(str(error))) from error
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] == "faceshards":
                raise
            command = click.get_current_context().command_path
            raise click.ClickException(
                f"`{command}` needs an extra: pip install 'faceshards[pipeline]' ({error})"
            ) from error
        except BrokenPipeError:  # whoever read the output has enough of it, which click ends quietly
            raise
        except Exception as error:
            if not is_refusal(error):
                raise
            raise click.ClickException(visible_lines(told(error, function.__name__.strip("_")))) from error

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

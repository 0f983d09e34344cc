"""What all commands share."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from faceshards.cells import visible_lines
from faceshards.errors import FaceShardsError, MissingExtraError
from faceshards.faulttext import told

PATH = click.Path(path_type=Path)


@contextmanager
def needs(extra: str, command: str) -> Iterator[None]:
    """Around the imports of a command that needs an extra: says which, where a library is missing.

    Raises:
        MissingExtraError: one is.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "faceshards":
            raise
        raise MissingExtraError(
            f"`faceshards {command}` needs an extra: pip install 'faceshards[{extra}]' ({error})"
        ) from error


def explained(function: Callable[..., None]) -> Callable[..., None]:
    """Tell errors of ours, and what the system refuses, as one message; all else is a bug and keeps its traceback."""

    @functools.wraps(function)
    def wrapped(**options: Any) -> None:
        try:
            function(**options)
        except FaceShardsError as error:
            raise click.ClickException(visible_lines(str(error))) from error
        except BrokenPipeError:  # whoever read the output has enough of it, which click ends quietly
            raise
        except (OSError, MemoryError) as error:
            raise click.ClickException(visible_lines(told(error, function.__name__.strip("_")))) from error

    return wrapped

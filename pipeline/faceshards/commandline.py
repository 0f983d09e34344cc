"""What every command does with an error: one message without a traceback, unless it is a bug."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from faceshards.cells import visible_lines
from faceshards.errors import FaceShardsError
from faceshards.faulttext import is_refusal, told


@contextmanager
def errors_told(doing: str) -> Iterator[None]:
    """Tell errors of ours, and what the system refuses, as one message; all else is a bug and keeps its traceback.

    Args:
        doing: what is done, such as ``"the stage align"``; it stands first where the system refused something.

    Raises:
        click.ClickException: with the message.

    Example:
        >>> with errors_told("verify"):
        ...     raise FaceShardsError("data/shards: expected a store")
        Traceback (most recent call last):
        click.exceptions.ClickException: data/shards: expected a store
    """
    try:
        yield
    except FaceShardsError as error:
        raise click.ClickException(visible_lines(str(error))) from error
    except BrokenPipeError:  # whoever read the output has enough of it, which click ends quietly
        raise
    except Exception as error:
        if not is_refusal(error):
            raise
        raise click.ClickException(visible_lines(told(error, doing))) from error


@contextmanager
def extra_named(what: str, extra: str = "pipeline") -> Iterator[None]:
    """Tell a package that is not installed by the extra that brings it.

    Raises:
        click.ClickException: with what needs it, and the line that installs it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "faceshards":
            raise
        raise click.ClickException(f"{what} needs an extra: pip install 'faceshards[{extra}]' ({error})") from error

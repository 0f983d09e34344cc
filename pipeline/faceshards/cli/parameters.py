"""The kinds of arguments that commands take: they convert, refuse and complete."""

from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem
from click.types import StringParamType


class _Here(click.Path):
    """A path on this disk. A URL is refused, for as a path it would be a folder named ``s3:``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if "://" in str(value):
            self.fail(f"expected a path on this disk; found the URL {value}", param, ctx)
        return super().convert(value, param, ctx)


class _Address(StringParamType):
    """A path or a URL, as a text; shells complete it as a path."""

    def __init__(self, completes: str) -> None:
        self._completes = completes

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        return [CompletionItem(incomplete, type=self._completes)]


class _FileAddress(_Address):
    """A file that is there, or a URL of one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            found = "://" in str(value) or Path(value).is_file()
        except OSError:  # no name of a file is that long
            found = False
        if not found:
            self.fail(f"expected a file or a URL of one; {value} is no file", param, ctx)
        return str(value)


JSON = click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
PATH = _Here(path_type=Path)
STORE = _Address("dir")
"""A folder of shards, or a URL of one."""
FILE_ADDRESS = _FileAddress("file")
"""A file, or a URL of one."""

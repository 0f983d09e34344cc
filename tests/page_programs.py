"""The programs that a page of docs shows, each with the command that runs it and what it printed."""

import re
from pathlib import Path
from typing import NamedTuple

_PAIR = re.compile(r"```python\n(.*?)```\n+```console\n\$ (.*?)\n(.*?)```", re.DOTALL)


class Program(NamedTuple):
    """What is between the fences.

    Attributes:
        source: of the file.
        command: as typed, the file's name the last word.
        output: all that it printed.
    """

    source: str
    command: str
    output: str

    @property
    def file(self) -> str:
        return self.command.split()[-1]


def programs(page: Path) -> list[Program]:
    return [Program(*found) for found in _PAIR.findall(page.read_text())]

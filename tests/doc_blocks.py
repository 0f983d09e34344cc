"""The blocks of code in the pages of the docs: what they show, and what runs them."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
_FENCE = re.compile(r"^(`{3,})(\w*)\n(.*?)^\1$", re.M | re.S)
_MARK = re.compile(r"<!-- (not run|run by):? (.+?) -->\n\Z")
_NUMBER = re.compile(r"\b[0-9a-f]{12,64}\b|\d[\d,.]*")


class Block(NamedTuple):
    """One block between fences.

    Attributes:
        page: its path in the repository.
        line: of its first fence, from 1.
        language: behind the fence; empty for none.
        text: between the fences.
        mark: ``"not run"``, ``"run by"``, or None for a block that is to be run here.
        said: why it is not run, or the test that runs it.
    """

    page: str
    line: int
    language: str
    text: str
    mark: str | None
    said: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


class Command(NamedTuple):
    """A line behind a prompt, and the lines below it."""

    typed: str
    output: str


def blocks(page: Path) -> list[Block]:
    """All blocks of a page, in order."""
    text, name = page.read_text(), page.relative_to(ROOT).as_posix()
    found = []
    for fence in _FENCE.finditer(text):
        mark = _MARK.search(text[: fence.start()])
        line = text.count("\n", 0, fence.start()) + 1
        found.append(Block(name, line, fence[2], fence[3], *(mark.groups() if mark else (None, ""))))
    return found


def commands(block: Block) -> list[Command]:
    """The commands of a block of `console`, with what each is shown to print."""
    parts = re.split(r"^\$ ", block.text, flags=re.M)[1:]
    found = []
    for part in parts:
        typed, _, output = re.sub(r"\\\n\s*", "", part).partition("\n")
        found.append(Command(typed, output))
    return found


def shown(page: str, typed: str) -> str:
    """What a page shows to be printed by the first command that begins so."""
    of = [command for block in blocks(ROOT / page) if block.language == "console" for command in commands(block)]
    return next(command.output for command in of if command.typed.startswith(typed))


def shows(shown: str, printed: str) -> bool:
    """Whether an output is the one that a page shows.

    A line of ``...`` stands for any lines, and ``...`` in a line for any words. Numbers, hashes, the width of columns
    and empty lines at the end are left out, for a page may show them of other faces, and a bar ends when it likes.
    """
    expected = [_form(line) for line in shown.rstrip().splitlines()]
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "..." else re.escape(line).replace(r"\.\.\.", ".*") + r"\n"
        for line in expected
    )
    return re.fullmatch(pattern, "".join(f"{_form(line)}\n" for line in printed.rstrip().splitlines())) is not None


def _form(line: str) -> str:
    return re.sub(r" +", " ", _NUMBER.sub("N", line)).rstrip()

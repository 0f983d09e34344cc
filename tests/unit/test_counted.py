"""Messages say one of a thing in the singular, and everything else in the plural."""

import ast
import re
from pathlib import Path

import pytest

import faceshards
from faceshards.counted import counted

PACKAGE = Path(faceshards.__file__).parent


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (0, ("problem",), "0 problems"),
        (1, ("problem",), "1 problem"),
        (2, ("problem",), "2 problems"),
        (1, ("person", "people"), "1 person"),
        (8258045, ("byte",), "8,258,045 bytes"),
        (20, ("person", "people"), "20 people"),
    ],
)
def test_one_is_singular_and_every_other_number_plural(number: int, words: tuple[str, ...], said: str) -> None:
    assert counted(number, *words) == said


def test_no_message_chooses_between_singular_and_plural_by_itself() -> None:
    """``"" if n == 1 else "s"`` in Python; ``=== 1 ?`` and its like in the page's script and templates."""
    own = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        if path.name != "counted.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.IfExp)
        and isinstance(node.body, ast.Constant)
        and isinstance(node.orelse, ast.Constant)
        and (node.body.value, node.orelse.value) in {("", "s"), ("s", "")}
    ]
    scripts = (path for form in ("*.js", "*.html") for path in (PACKAGE / "report" / "templates").rglob(form))
    own += [path.name for path in scripts if re.search(r"== 1 (\?|else) ?['\"]", path.read_text())]
    assert own == []

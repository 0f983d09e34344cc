"""Names in tables, pages and JSON that other programs open: a spreadsheet runs what looks like a formula."""

import json
import unicodedata
from typing import Any

_RUN = ("=", "+", "-", "@", "\t", "\r")
_ESCAPED = ("Cc", "Cs")
_MISLEADING = frozenset("\u2028\u2029\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Breaks between lines, and marks by which a text is shown in another order than it has (Unicode Annex 9)."""


def cell(text: str) -> str:
    """A name as a cell of a CSV table: one that a spreadsheet would take for a formula gets a ``'`` before it.

    Control characters are escaped, as `visible` does.

    Example:
        >>> cell("=HYPERLINK(1)"), cell("alice/1")
        ("'=HYPERLINK(1)", 'alice/1')
    """
    return f"'{visible(text)}" if text.startswith(_RUN) else visible(text)


def visible(text: str) -> str:
    """A text whose control characters are written out: NUL, those that drive a terminal, those that turn its order.

    Example:
        >>> visible("a\\x1b[31mb")
        'a\\\\x1b[31mb'
    """
    if text.isprintable():
        return text
    return "".join(_shown(letter) for letter in text)


def visible_lines(text: str) -> str:
    """`visible`, with the breaks between lines left as they are: for messages and pages."""
    return "\n".join(map(visible, text.split("\n")))


def json_text(value: Any) -> str:
    """A value as JSON for programs and for the eye: names stay as they are, and what `visible` writes out is escaped.

    Args:
        value: what `json` takes.

    Returns:
        Indented lines, without a break at the end.

    Example:
        >>> json_text({"name": "Zoë\x9b31m"})
        '{\n  "name": "Zoë\\u009b31m"\n}'
    """
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return "".join(f"\\u{ord(c):04x}" if c != "\n" and _is_shown_otherwise(c) else c for c in text)


def _is_shown_otherwise(letter: str) -> bool:
    return unicodedata.category(letter) in _ESCAPED or letter in _MISLEADING


def _shown(letter: str) -> str:
    if _is_shown_otherwise(letter):
        return f"\\x{ord(letter):02x}" if ord(letter) < 256 else f"\\u{ord(letter):04x}"
    return letter

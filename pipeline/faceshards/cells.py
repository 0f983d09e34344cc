"""Names in tables and pages that other programs open: a spreadsheet runs what looks like a formula."""

import unicodedata

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


def _shown(letter: str) -> str:
    if unicodedata.category(letter) in _ESCAPED or letter in _MISLEADING:
        return f"\\x{ord(letter):02x}" if ord(letter) < 256 else f"\\u{ord(letter):04x}"
    return letter

"""What became of an injected fault, for tests and for tables that count them."""

from enum import StrEnum


class Outcome(StrEnum):
    """One of three."""

    HELD = "held"
    """The result is what it is without the fault."""
    NAMED = "named"
    """An error of the project's own said what is wrong, or a face has a reason."""
    FAILED = "failed"
    """Anything else: other bytes without a word, a traceback, a hang, something left behind."""

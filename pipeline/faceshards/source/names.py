"""Names of files and people as text: one Unicode form, and something to show for every byte."""

import os
import unicodedata
from collections.abc import Iterable

from faceshards.cells import visible


def composed(name: str) -> str:
    """A name in Unicode's composed form (NFC), in which Linux and Windows write what older Macs write decomposed.

    Example:
        >>> composed("Zoe\\u0308") == "Zo\\u00eb"
        True
    """
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def shown(name: str) -> str:
    """A name of a file as text that any table can hold: bytes that are no UTF-8, and control characters, escaped.

    Args:
        name: as Python's file functions give it.

    Example:
        >>> shown("caf\\udce9\\n.png")
        'caf\\\\xe9\\\\x0a.png'
    """
    return visible(os.fsencode(name).decode("utf-8", "backslashreplace"))


class Matched:
    """Names of one list, found by those of another, whichever Unicode form either is in.

    A name that is there exactly is found exactly. Any other is found by its composed form, unless two names share it on
    one of the two sides: then nobody knows which is meant.

    Args:
        names: to be found, each once.
        asked: all names that will be asked for.

    Example:
        >>> Matched(["Zoe\\u0308/1"], ["Zo\\u00eb/1"]).find("Zo\\u00eb/1")
        'Zoe\u0308/1'
    """

    def __init__(self, names: Iterable[str], asked: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._by_form = _by_form(self._names)
        # A list of plain ASCII needs no look at what is asked for.
        self._shared = {form for form, name in _by_form(asked).items() if name is None} if self._by_form else set()

    def find(self, name: str) -> str | None:
        """The name of the list that `name` means; None where there is none."""
        if name in self._names:
            return name
        if not self._by_form or name.isascii():
            return None
        form = composed(name)
        return None if form in self._shared else self._by_form.get(form)


def _by_form(names: Iterable[str]) -> dict[str, str | None]:
    """The names beyond ASCII by their composed form; None for a form of two names."""
    found: dict[str, str | None] = {}
    for name in names:
        if not name.isascii():
            form = composed(name)
            found[form] = None if found.get(form, name) != name else name
    return found

"""What faces and people are called on the page: by their names, or by numbers where names are to be left out."""

import unicodedata

from faceshards.store.schema import NO_IDENTITY

_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def visible(text: str) -> str:
    """A text whose control characters, marks of direction and line breaks are written as escapes, so that all see them.

    Example:
        >>> visible("a\\u202eb\\x1b")
        'a\\\\u202eb\\\\x1b'
    """
    if text.isprintable():
        return text
    return "".join(_escaped(letter) if unicodedata.category(letter) in _UNSEEN else letter for letter in text)


def _escaped(letter: str) -> str:
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def person(identity: int, name: str | None, *, named: bool) -> str | None:
    """What a person is called; None where nobody knows who it is.

    Args:
        identity: the class id.
        name: that the source gives.
        named: whether names may be shown.
    """
    if name is not None and named:
        return name
    return None if identity == NO_IDENTITY else f"person {identity}"


def face(place: int, sample_id: str, *, named: bool) -> str:
    """What a face is called: its sample id, or its number in the manifest, from 1."""
    return sample_id if named else f"face {place + 1}"

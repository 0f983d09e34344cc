"""What faces and people are called on the page: by their names, or by numbers where names are to be left out."""

from faceshards import cells
from faceshards.store.schema import NO_IDENTITY

_DIRECTIONS = {
    code: f"\\u{code:04x}" for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
"""Marks that turn round the text behind them, by code; written out, they turn nothing."""


def visible(text: str) -> str:
    """A text whose control characters, line breaks and marks of direction are written out, so that all see them.

    Example:
        >>> visible("a\\u202eb\\x1b")
        'a\\\\u202eb\\\\x1b'
    """
    return text if text.isprintable() else cells.visible(text).translate(_DIRECTIONS)


def visible_lines(text: str) -> str:
    """`visible`, with the breaks between lines left as they are."""
    return text if text.isprintable() else cells.visible_lines(text).translate(_DIRECTIONS)


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

"""Numbers of things in words, for messages."""


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number and what it counts, in the singular or the plural.

    Args:
        number: how many, 0 or more.
        one: the name of one of them.
        many: the name of several; by default that of one with an s.

    Example:
        >>> counted(1, "file"), counted(8258045, "byte"), counted(0, "person", "people")
        ('1 file', '8,258,045 bytes', '0 people')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"

"""What faces and people are called on the page: by their names, or by numbers where names are to be left out."""

from faceshards.store.schema import NO_IDENTITY


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

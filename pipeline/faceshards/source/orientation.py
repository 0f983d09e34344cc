"""Labels and points of a picture that its file turns: nobody can tell which way up they are meant."""

from typing import Literal

from faceshards.errors import BadSampleError
from faceshards.source.decode import is_turned


def refuse_turned(image: bytes, what: str, part: Literal["truth", "landmarks"]) -> None:
    """Refuse labels or points that came beside a picture with an EXIF orientation; only the picture is turned by it.

    Args:
        image: the encoded file.
        what: what to call it in an error.
        part: what came beside it.

    Raises:
        BadSampleError: ``"truth_of_turned_image"`` or ``"landmarks_of_turned_image"``; or as
            `faceshards.source.decode.is_turned`.
    """
    if is_turned(image, what):
        called = {"truth": "labels", "landmarks": "landmarks"}[part]
        raise BadSampleError(
            f"{part}_of_turned_image",
            f"{what}: its EXIF orientation turns it, and nobody can tell whether its {called} are of the picture as "
            "stored or as shown; save both the same way up, without an orientation",
        )

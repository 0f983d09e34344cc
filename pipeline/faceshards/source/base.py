"""What every source of faces offers."""

from typing import Protocol

from faceshards.records import Float32Array, SourceFace, Truth
from faceshards.source.fingerprint import Fingerprints


class Source(Protocol):
    """Faces in a fixed order, read one at a time.

    A source is picklable and cheap to send: a process that receives it opens its files once, however often it is sent.

    Whatever is wrong with one face raises `BadSampleError`; whatever is wrong with the whole source raises
    `SourceFormatError`, as early as possible. `face`, `fingerprints` and `digest` never raise `BadSampleError`: a face
    that cannot be read still has a name to be reported under, and a place.
    """

    name: str
    """The format, for provenance: ``"facesynthetics"``, ``"imagefolder"``, ``"recordio"``."""

    def __len__(self) -> int:
        """How many faces."""
        ...

    def face(self, index: int) -> SourceFace:
        """Names only.

        Raises:
            IndexError: `index` is not in ``range(len(self))``.
        """
        ...

    def fingerprints(self, index: int) -> Fingerprints:
        """What the face is made from, part by part; cheap where the container keeps checksums.

        Raises:
            IndexError: `index` is not in ``range(len(self))``.
        """
        ...

    def digest(self, index: int) -> bytes:
        """What the face is made from, in 16 bytes: `Fingerprints.digest` of its image, landmarks and truth.

        Another image, landmark or label gives another digest of this face, and of no other. The name of the source does
        not count, nor does the person.

        Raises:
            IndexError: `index` is not in ``range(len(self))``.
        """
        ...

    def image_bytes(self, index: int) -> bytes:
        """The encoded image file, as it lies there; `decode.decode_image` turns it into pixels.

        Raises:
            BadSampleError: the file is missing, damaged or too large.
        """
        ...

    def truth(self, index: int) -> Truth | None:
        """Ground-truth labels, or None where the source has none for this face.

        Raises:
            BadSampleError: there are labels, but they cannot be trusted.
        """
        ...

    def landmarks(self, index: int) -> Float32Array | None:
        """Landmarks in pixels of the image (x right, y down), or None where the source has none for this face.

        Returns:
            (70, 2) float32: iBUG 68, then the right and the left pupil; or (5, 2) float32: right eye, left eye, nose
            tip, right and left mouth corner. "Right" is the person's right.

        Raises:
            BadSampleError: there are landmarks, but they are malformed.
        """
        ...


def numbers_people(source: Source) -> bool:
    """Whether the names of people are the source's own numbers of classes, from 0, as those of a RecordIO are.

    Such a source says so by an attribute ``numbered`` that is True.

    Example:
        >>> numbers_people(open_source(Path("train.rec")))
        True
    """
    return bool(getattr(source, "numbered", False))


def warnings_of(source: Source) -> tuple[str, ...]:
    """What a person should know of a source as a whole, a sentence or two each.

    Such a source says so by an attribute ``warnings``.

    Example:
        >>> warnings_of(open_source(Path("faces"), landmarks=Path("points.csv")))
        ("source.landmarks: 1 of 40 rows names no face of the source, such as 'alice/1.jpg'; ...",)
    """
    return tuple(getattr(source, "warnings", ()))

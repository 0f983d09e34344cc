"""Sources over sources: the same faces with one thing changed."""

from pathlib import Path

from faceshards.records import Float32Array, SourceFace, Truth
from faceshards.source.base import Source, numbers_people, warnings_of
from faceshards.source.fingerprint import Fingerprints
from faceshards.source.reopen import OncePerProcess


class Overlay(OncePerProcess):
    """Passes everything on to another source; subclasses change one thing.

    Args:
        source: the source beneath, itself shared within a process.
        args, files: as in `OncePerProcess`.
    """

    def __init__(self, source: Source, *args: object, files: tuple[Path, ...] = ()) -> None:
        super().__init__(source, *args, files=files)
        self.name = source.name
        self.numbered = numbers_people(source)
        self._source = source

    @property
    def warnings(self) -> tuple[str, ...]:
        """See `faceshards.source.base.warnings_of`."""
        return warnings_of(self._source)

    def __len__(self) -> int:
        return len(self._source)

    def face(self, index: int) -> SourceFace:
        """See `Source.face`."""
        return self._source.face(index)

    def fingerprints(self, index: int) -> Fingerprints:
        """See `Source.fingerprints`."""
        return self._source.fingerprints(index)

    def digest(self, index: int) -> bytes:
        """See `Source.digest`."""
        return self.fingerprints(index).digest

    def image_bytes(self, index: int) -> bytes:
        """See `Source.image_bytes`."""
        return self._source.image_bytes(index)

    def truth(self, index: int) -> Truth | None:
        """See `Source.truth`."""
        return self._source.truth(index)

    def landmarks(self, index: int) -> Float32Array | None:
        """See `Source.landmarks`."""
        return self._source.landmarks(index)


class FirstFaces(Overlay):
    """The first faces of a source, at most `limit`."""

    def __init__(self, source: Source, limit: int) -> None:
        super().__init__(source, limit)
        self._length = min(limit, len(source))

    def __len__(self) -> int:
        return self._length

    def face(self, index: int) -> SourceFace:
        """See `Source.face`."""
        if not 0 <= index < self._length:
            raise IndexError(f"face {index} of {self._length}")
        return self._source.face(index)

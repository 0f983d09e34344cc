"""What data sets of photographs with face-parsing masks have in common."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from faceshards.errors import BadSampleError
from faceshards.records import Float32Array, SourceFace, Truth, UInt8Array
from faceshards.source.files import Files
from faceshards.source.fingerprint import Fingerprints
from faceshards.source.imageheader import read_header
from faceshards.source.names import composed, shown
from faceshards.source.orientation import refuse_turned
from faceshards.source.pictures import has_picture_suffix
from faceshards.source.reopen import OncePerProcess, in_bytes
from faceshards.source.sides import across_of, sides_put_right


class Photo(NamedTuple):
    """A photograph of such a data set, by the names of its files.

    Attributes:
        sample_id: unique in the data set.
        image: the photograph.
        labels: the files that label it; none where there are none.
        points: the file of its landmarks, or None.
        stray: the picture is no photograph of the data set, as its place or name tells: labels of one that is not
            there, for instance.
    """

    sample_id: str
    image: str
    labels: tuple[str, ...] = ()
    points: str | None = None
    stray: bool = False


class LabelledPhotos(OncePerProcess):
    """Photographs with labels of coarse classes; subclasses say where they lie and what the labels mean.

    People have no names. A picture that is none of the photographs or labels is a bad sample.

    Args:
        path: of the data set, and what makes an equal instance.
        files: what lies there.
        photos: the photographs.
    """

    name = "labelledphotos"

    def __init__(self, path: Path, files: Files, photos: Iterable[Photo]) -> None:
        self.files = files
        known = list(photos)
        used = {name for photo in known for name in (photo.image, *photo.labels)}
        self._photos = [*known, *strays(files.names - used)]
        super().__init__(path, files=(path,), listed=in_bytes(files.names))

    def coarse(self, photo: Photo) -> UInt8Array:
        """The labels of a photograph that has some, as `CoarseRegion` ids: (H, W) uint8, 255 = ignore.

        Raises:
            BadSampleError: they cannot be trusted.
        """
        raise NotImplementedError

    def meaning(self, name: str) -> bytes:  # noqa: ARG002 (most name nothing but the photograph)
        """What the name of a file of labels says of them beside their photograph."""
        return b""

    def across(self, photo: Photo, labels: UInt8Array) -> NDArray[np.float64]:  # noqa: ARG002 (some have landmarks)
        """From the left to the right side of a photograph's face, as the viewer of it upright sees them: (2,) x, y."""
        return across_of(labels)

    def __len__(self) -> int:
        return len(self._photos)

    def face(self, index: int) -> SourceFace:
        """See `Source.face`."""
        photo = self._photos[index]
        return SourceFace(photo.sample_id, f"{self.files.label}/{shown(photo.image)}", None)

    def fingerprints(self, index: int) -> Fingerprints:
        """See `Source.fingerprints`."""
        photo = self._photos[index]
        image = self.files.fingerprint(photo.image)
        points = b"" if photo.points is None else self.files.fingerprint(photo.points)
        # Marked, for the same file means other classes in another data set.
        labels = b"".join(self.files.fingerprint(name) + self.meaning(name) for name in photo.labels)
        return Fingerprints(image, points, labels and self.name.encode() + b" " + labels)

    def digest(self, index: int) -> bytes:
        """See `Source.digest`."""
        return self.fingerprints(index).digest

    def image_bytes(self, index: int) -> bytes:
        """See `Source.image_bytes`."""
        photo = self._photos[index]
        if photo.stray:
            raise BadSampleError(
                "stray_picture", f"{self._what(photo.image)}: no photograph of {self.name} by its place"
            )
        return self.files.read(photo.image)

    def truth(self, index: int) -> Truth | None:
        """See `Source.truth`; coarse classes, of the size of the photograph, with right and left put right."""
        photo = self._photos[index]
        if not photo.labels:
            return None
        labels = self.coarse(photo)
        image = self.files.read(photo.image)
        refuse_turned(image, self._what(photo.image), "truth")
        header = read_header(image)
        assert header is not None  # or it would have been refused
        shape = (header.height, header.width)
        if labels.shape[0] * shape[1] != labels.shape[1] * shape[0]:
            raise BadSampleError(
                "truth_of_other_size",
                f"{self._what(photo.labels[0])}: expected labels of {shape} or of that form; found {labels.shape}",
            )
        if labels.shape != shape:
            labels = np.asarray(cv2.resize(labels, shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)
        labels, exchanged = sides_put_right(labels, self.across(photo, labels))
        remark = "sides_exchanged: its labels name right and left the wrong way round; put right by their places"
        return Truth(labels, "facesynthetics", remark if exchanged else None)

    def landmarks(self, index: int) -> Float32Array | None:  # noqa: ARG002 (most have none)
        """See `Source.landmarks`; None."""
        return None

    def _what(self, name: str) -> str:
        return f"{self.files.label}/{shown(name)}"


def strays(names: Iterable[str]) -> list[Photo]:
    """Those of the names that are pictures, and not hidden as some in a Mac's zip."""
    return [
        Photo(composed(shown(name)), name, stray=True)
        for name in sorted(names)
        if has_picture_suffix(name) and not is_hidden(name)
    ]


def is_hidden(name: str) -> bool:
    """Whether a file of a container, or a folder that it lies in, is hidden or a Mac's own."""
    return name.startswith((".", "__MACOSX/")) or "/." in name or "/__MACOSX/" in name


def classes(table: Sequence[int], ids: UInt8Array) -> UInt8Array:
    """Ids of a data set as `CoarseRegion` ids, by a table of as many entries as it has classes; 255 stays."""
    whole = np.full(256, 255, np.uint8)
    whole[: len(table)] = table
    found: UInt8Array = whole[ids]
    return found

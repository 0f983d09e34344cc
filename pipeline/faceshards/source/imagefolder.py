"""A folder of images, one subfolder a person: ``root/<identity>/<image>``, as torchvision's ImageFolder."""

import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceshards.errors import BadSampleError, SourceNotFoundError
from faceshards.records import Float32Array, SourceFace, Truth
from faceshards.source.files import read_file
from faceshards.source.fingerprint import Fingerprints, fingerprint
from faceshards.source.foldernames import Found, pictures_of
from faceshards.source.names import composed, shown
from faceshards.source.pictures import is_apple_double, stem
from faceshards.source.reopen import OncePerProcess

_BATCH = 1 << 16
_KEEP_SUFFIX, _KEEP_FORM, _HIDDEN, _LABELS = (1 << bit for bit in range(4))


class ImageFolder(OncePerProcess):
    """Images in the order of their paths, by code point; the folder's name is the identity.

    Every file that looks like a picture has a place, by its suffix or by its first bytes. What is hidden (``._x.jpg``,
    ``.thumbnails``, ``__MACOSX``), and what is named as the label map of another image (``x_seg.png`` beside
    ``x.png``), is a bad sample with its reason.

    A flat folder of images has no identities. Images any deeper than ``root/<identity>/<image>`` are refused, for
    nobody can tell which of the folders is the person. Links are followed, so a loop of links looks too deep and is
    refused with it.

    A sample id is the path below the root without its suffix, ``"alice/001"``; where two images differ only in their
    suffix both keep it. Names are in Unicode's composed form (NFC), so that a folder has the same names on every
    system; where two differ only in their form both keep it, and two such folders are one person. Bytes that are no
    UTF-8 and control characters are escaped.

    Args:
        path: the root folder.

    Raises:
        SourceNotFoundError: the folder is not there.
        SourceFormatError: no images, images both in the root and in subfolders, or images too deep.

    Example:
        >>> source = ImageFolder(Path("faces"))
        >>> source.face(0)
        SourceFace(sample_id='alice/001', source_id='faces/alice/001.jpg', identity='alice')
    """

    name = "imagefolder"

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise SourceNotFoundError(f"{path}: expected a folder of images; found none")
        self._root = path
        self._paths, self._marks = _columns(pictures_of(path))
        listed = (buffer for buffer in self._paths.buffers() if buffer is not None)
        super().__init__(path, files=(path,), listed=listed)

    def __len__(self) -> int:
        return len(self._paths)

    def face(self, index: int) -> SourceFace:
        """See `Source.face`."""
        path, marks = self._path(index), self._marks[index]
        name = path if marks & _KEEP_SUFFIX else stem(path)
        name = shown(name) if marks & _KEEP_FORM else composed(shown(name))
        folder, slash, _ = path.rpartition("/")
        nobody = not slash or marks & _HIDDEN
        return SourceFace(name, f"{shown(self._root.name)}/{shown(path)}", None if nobody else composed(shown(folder)))

    def fingerprints(self, index: int) -> Fingerprints:
        """See `Source.fingerprints`; the file is read."""
        return Fingerprints(fingerprint(lambda: self.image_bytes(index)), landmarks=b"", truth=b"")

    def digest(self, index: int) -> bytes:
        """See `Source.digest`."""
        return self.fingerprints(index).digest

    def image_bytes(self, index: int) -> bytes:
        """See `Source.image_bytes`."""
        path, marks = self._path(index), self._marks[index]
        what = f"{shown(self._root.name)}/{shown(path)}"
        if marks & _LABELS:
            raise BadSampleError("label_map", f"{what}: named as the labels of the image beside it; no face")
        if marks & _HIDDEN:
            raise BadSampleError("hidden_file", f"{what}: {self._why_hidden(path)}")
        return read_file(self._root / path, what)

    def truth(self, index: int) -> Truth | None:  # noqa: ARG002 (an image folder has none)
        """See `Source.truth`; always None."""
        return None

    def landmarks(self, index: int) -> Float32Array | None:  # noqa: ARG002 (an image folder has none)
        """See `Source.landmarks`; always None."""
        return None

    def _why_hidden(self, path: str) -> str:
        try:
            data = read_file(self._root / path, path)
        except BadSampleError:
            data = b""
        if is_apple_double(data):
            return "no picture but what macOS knows of the file of that name without `._`; delete it"
        return "hidden, so nobody sees it in the folder; delete it, or rename it if it is one of the faces"

    def _path(self, index: int) -> str:
        path: bytes = self._paths[index].as_py()
        return os.fsdecode(path)


def _columns(found: Iterable[Found]) -> tuple[pa.LargeBinaryArray, NDArray[np.uint8]]:
    """Paths and marks as columns, which of millions take a fifth of what a list of strings does."""
    found = iter(found)
    paths, marks = [pa.array([], pa.large_binary())], [np.empty(0, np.uint8)]
    while some := list(islice(found, _BATCH)):
        paths.append(pa.array([os.fsencode(picture.path) for picture in some], pa.large_binary()))
        marks.append(np.array([_marks(picture) for picture in some], np.uint8))
    return pa.concat_arrays(paths), np.concatenate(marks)


def _marks(found: Found) -> int:
    flags = (found.keep_suffix, found.keep_form, found.hidden, found.labels)
    return sum(flag << bit for bit, flag in enumerate(flags))

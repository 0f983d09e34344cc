"""A folder of images, one subfolder a person: ``root/<identity>/<image>``, as torchvision's ImageFolder."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from faceshards.errors import SourceFormatError, SourceNotFoundError
from faceshards.records import Float32Array, SourceFace, Truth
from faceshards.source.files import read_file
from faceshards.source.fingerprint import Fingerprints, fingerprint
from faceshards.source.reopen import OncePerProcess

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".pgm", ".ppm"})


class ImageFolder(OncePerProcess):
    """Images in the order of their paths, by code point; the folder's name is the identity.

    A flat folder of images has no identities. Images any deeper than ``root/<identity>/<image>`` are refused, for
    nobody can tell which of the folders is the person. Links are followed, so a loop of links looks too deep and is
    refused with it. Hidden files and folders and whatever is no image by its suffix are passed over.

    A sample id is the path below the root without its suffix, ``"alice/001"``; where two images differ only in their
    suffix both keep it.

    Args:
        path: the root folder.

    Raises:
        SourceNotFoundError: the folder is not there.
        SourceFormatError: no images, images both in the root and in subfolders, images too deep, or a name that is
            not UTF-8.
    """

    name = "imagefolder"

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise SourceNotFoundError(f"{path}: expected a folder of images; found none")
        self._root = path
        self._paths = sorted(_image_paths(path))
        self._stems = Counter(_stem(p) for p in self._paths)
        super().__init__(path, files=(path,))

    def __len__(self) -> int:
        return len(self._paths)

    def face(self, index: int) -> SourceFace:
        """See `Source.face`."""
        path = self._paths[index]
        stem = _stem(path)
        folder, slash, _ = path.rpartition("/")
        sample_id = stem if self._stems[stem] == 1 else path
        return SourceFace(sample_id, f"{self._root.name}/{path}", folder if slash else None)

    def fingerprints(self, index: int) -> Fingerprints:
        """See `Source.fingerprints`; the file is read."""
        return Fingerprints(fingerprint(lambda: self.image_bytes(index)), landmarks=b"", truth=b"")

    def digest(self, index: int) -> bytes:
        """See `Source.digest`."""
        return self.fingerprints(index).digest

    def image_bytes(self, index: int) -> bytes:
        """See `Source.image_bytes`."""
        return read_file(self._root / self._paths[index])

    def truth(self, index: int) -> Truth | None:  # noqa: ARG002 (an image folder has none)
        """See `Source.truth`; always None."""
        return None

    def landmarks(self, index: int) -> Float32Array | None:  # noqa: ARG002 (an image folder has none)
        """See `Source.landmarks`; always None."""
        return None


def has_images(folder: Path) -> bool:
    """Whether a folder holds images, or subfolders that do."""
    return any(True for place in (folder, *_subfolders(folder)) for _ in _images(place))


def _stem(path: str) -> str:
    return path.rpartition(".")[0]


def _image_paths(root: Path) -> list[str]:
    flat = [image.name for image in _images(root)]
    nested = []
    for folder in _subfolders(root):
        nested += [f"{folder.name}/{image.name}" for image in _images(folder)]
        for deeper in _subfolders(folder):
            for image in _images(deeper):
                raise SourceFormatError(
                    f"{root}: expected root/<identity>/<image>; found {image.relative_to(root)}, a level deeper; "
                    "give the folder whose subfolders are the persons"
                )
    if flat and nested:
        raise SourceFormatError(
            f"{root}: expected images in one subfolder a person, or all in the root; found both, "
            f"{flat[0]} and {nested[0]}; move the images of the root away, or into a subfolder"
        )
    if not flat and not nested:
        raise SourceFormatError(f"{root}: expected images ({', '.join(sorted(IMAGE_SUFFIXES))}); found none")
    for path in flat or nested:
        if not path.isprintable():
            raise SourceFormatError(f"{root}: {path!r}: expected a printable UTF-8 name; rename it")
    return flat or nested


def _images(folder: Path) -> Iterator[Path]:
    """Image files by suffix; a link that leads nowhere is one, and fails when it is read."""
    for path in folder.iterdir():
        if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != "." and not path.is_dir():
            yield path


def _subfolders(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.name[0] != "." and path.is_dir())

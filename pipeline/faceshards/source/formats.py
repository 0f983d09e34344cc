"""The formats of sources: how each is told by what lies at a path, and where it is looked for."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from faceshards.errors import BadSampleError, SourceFormatError
from faceshards.source.base import Source
from faceshards.source.celebamask import PUBLISHED_IMAGES, PUBLISHED_MASKS, CelebAMask, is_celebamask
from faceshards.source.decode import is_label_map
from faceshards.source.facesynthetics import FaceSynthetics, has_frames
from faceshards.source.files import read_file, zip_files
from faceshards.source.foldernames import has_images, list_folder
from faceshards.source.imagefolder import ImageFolder
from faceshards.source.lapa import KINDS, SPLITS, LaPa, is_lapa
from faceshards.source.names import shown
from faceshards.source.pictures import stem
from faceshards.source.recordio import RecordIO

SourceFormat: TypeAlias = Literal["auto", "facesynthetics", "celebamask", "lapa", "imagefolder", "recordio"]

_DEEPEST = 3
"""So many folders, each alone in the one above, are looked through for a data set, as unpacking leaves them."""
_FEW = 32
"""In no more subfolders than this a data set or label maps are looked for: more of them are people."""

_FIRST = 3
"""So many pictures of a folder tell whether it is one of label maps."""


class _Format(NamedTuple):
    looks_like: str
    find: Callable[[Path], Path | None]
    open: Callable[[Path], Source]


def open_as(path: Path, format: str) -> Source:
    """Open a path as a source of a named format.

    Raises:
        SourceNotFoundError: a file that belongs to it is missing.
        SourceFormatError: what lies there is none of that format.
    """
    chosen = _FORMATS[format]
    if format == "imagefolder":
        return chosen.open(path)
    return chosen.open(next((found for folder in _alone_in(path) if (found := chosen.find(folder)) is not None), path))


def open_found(path: Path) -> Source:
    """Open whatever lies at a path, or in a folder that is alone in it.

    Raises:
        SourceNotFoundError: a file that belongs to the source is missing.
        SourceFormatError: none of the formats lies there; a data set's folder lies beside others; or there are label
            maps, or FaceSynthetics' frames under other names, in a folder that would be taken as a person's.
    """
    zips: list[Path] = []
    for folder in _alone_in(path):
        opened = _data_set(folder)
        if opened is not None:
            return opened
        zips += sorted(folder.glob("*.zip")) if folder.is_dir() else []
    if path.is_dir() and has_images(path):
        _refuse_what_is_no_person(path)
        return ImageFolder(path)
    raise SourceFormatError(
        f"{path}: expected one of\n"
        + "".join(f"  {name}: {candidate.looks_like}\n" for name, candidate in _FORMATS.items())
        + _found_instead(path, zips)
    )


def _found_instead(path: Path, zips: list[Path]) -> str:
    if zips:
        return f"found {zips[0].relative_to(path)} in it; give that path"
    if path.is_file():
        return "found a file that is none of them; unpack an archive, and give the folder of a single picture"
    return "found none of them; check the path"


def _data_set(path: Path) -> Source | None:
    """The source of a format with a layout of its own."""
    for name, candidate in _FORMATS.items():
        found = candidate.find(path) if name != "imagefolder" else None
        if found is not None:
            return candidate.open(found)
    return None


def _alone_in(path: Path) -> Iterator[Path]:
    """A path, the folder that is alone in it but for files that are no pictures, and so on."""
    yield path
    for _ in range(_DEEPEST if path.is_dir() else 0):
        listing = list_folder(path)
        if listing.pictures or len(listing.folders) != 1:
            return
        path = path / listing.folders[0]
        yield path


def _refuse_what_is_no_person(path: Path) -> None:
    """Refuse a folder of few people if one of them is a data set, or a folder of label maps.

    Raises:
        SourceFormatError: naming it.
    """
    folders = list_folder(path).folders
    _refuse_other_frames(path)
    for folder in (path / name for name in folders if len(folders) <= _FEW):
        for name, candidate in _FORMATS.items():
            if name != "imagefolder" and candidate.find(folder) is not None:
                raise SourceFormatError(
                    f"{path}: expected one source of faces; found {name} in {shown(folder.name)} and other folders "
                    f"beside; give {shown(str(folder))}, or each as a source of its own"
                )
        _refuse_other_frames(folder)
        first = list_folder(folder).pictures[:_FIRST]
        if first and all(_is_label_map(folder / name) for name in first):
            raise SourceFormatError(
                f"{path}: expected a folder of images a person; found label maps in {shown(folder.name)}, such as "
                f"{shown(first[0])}, which are no faces; give the folder of the photographs alone, or set "
                "source.format to the data set's"
            )


def _refuse_other_frames(folder: Path) -> None:
    """Refuse FaceSynthetics' frames under other names, whose landmarks and labels would not be seen.

    Raises:
        SourceFormatError: a picture has a file ``_ldmks.txt`` beside it.
    """
    for points in sorted(folder.glob("*_ldmks.[tT][xX][tT]")):
        frame = points.name[: -len("_ldmks.txt")]
        found = [name for name in list_folder(folder).pictures if stem(name) == frame]
        if found:
            raise SourceFormatError(
                f"{folder}: expected FaceSynthetics' names, 000000.png, 000000_seg.png and 000000_ldmks.txt; found "
                f"{shown(found[0])} with {shown(points.name)}; name the files so, or set source.format to "
                "imagefolder to take the pictures alone"
            )


def _is_label_map(path: Path) -> bool:
    try:
        return is_label_map(read_file(path, path.name))
    except BadSampleError:
        return False


def _find_recordio(path: Path) -> Path | None:
    if path.is_file():
        return path if path.suffix == ".rec" else None
    records = sorted(path.glob("*.rec"))
    return path / "train.rec" if path / "train.rec" in records else _only(records)


def _find_facesynthetics(path: Path) -> Path | None:
    if path.is_file():
        return path if _is_zip(path) else None
    if has_frames(path):
        return path
    return _only(sorted(path.glob("*.zip.001")))


def _find_celebamask(path: Path) -> Path | None:
    if path.is_file():
        return path if _is_zip(path) and is_celebamask(zip_files(path).names) else None
    published, pairs = (PUBLISHED_IMAGES, PUBLISHED_MASKS), ("images", "masks")
    return path if any(all((path / name).is_dir() for name in names) for names in (published, pairs)) else None


def _find_lapa(path: Path) -> Path | None:
    if path.is_file():
        return path if _is_zip(path) and is_lapa(zip_files(path).names) else None
    places = (path, *(path / split for split in SPLITS))
    return path if any(all((place / kind).is_dir() for kind in KINDS) for place in places) else None


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip" or path.suffixes[-2:] == [".zip", ".001"]


def _find_imagefolder(path: Path) -> Path | None:
    return path if path.is_dir() and has_images(path) else None


def _only(paths: list[Path]) -> Path | None:
    if len(paths) > 1:
        raise SourceFormatError(
            f"{paths[0].parent}: found both {paths[0].name} and {paths[1].name}; give one of the two"
        )
    return paths[0] if paths else None


_FORMATS: Mapping[str, _Format] = {
    "recordio": _Format("train.rec with train.idx beside it, or their folder", _find_recordio, RecordIO),
    "celebamask": _Format(
        "CelebAMask-HQ's folder or zip: CelebA-HQ-img with CelebAMask-HQ-mask-anno, or images with masks",
        _find_celebamask,
        CelebAMask,
    ),
    "lapa": _Format("LaPa's folder or zip: train/images, train/labels, train/landmarks, ...", _find_lapa, LaPa),
    "facesynthetics": _Format(
        "X.zip; X.zip.001 with X.zip.002, ... beside it, or their folder; "
        "a folder of 000000.png, 000000_seg.png, 000000_ldmks.txt, ...",
        _find_facesynthetics,
        FaceSynthetics,
    ),
    "imagefolder": _Format("a folder of <identity>/<image>, or of images", _find_imagefolder, ImageFolder),
}

"""Open whatever lies at a path as a source of faces."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, get_args

from faceshards.errors import ParamsError, SourceFormatError, SourceNotFoundError
from faceshards.source.base import Source
from faceshards.source.facesynthetics import FaceSynthetics, has_frames
from faceshards.source.imagefolder import ImageFolder, has_images
from faceshards.source.landmarks import WithLandmarks
from faceshards.source.overlay import FirstFaces
from faceshards.source.publishedlabels import WithPublishedLabels
from faceshards.source.recordio import RecordIO

SourceFormat: TypeAlias = Literal["auto", "facesynthetics", "imagefolder", "recordio"]


def open_source(
    path: Path,
    format: SourceFormat = "auto",
    *,
    landmarks: Path | None = None,
    labels: Path | None = None,
    limit: int | None = None,
) -> Source:
    """Open a source of faces.

    Args:
        path: a zip, the first part of a split zip, a ``.rec`` file, or a folder: of FaceSynthetics frames, of a
            split zip, of ``train.rec`` and ``train.idx``, of images, or of one subfolder of images a person.
        format: ``"auto"`` tells by what lies there.
        landmarks: a CSV table whose landmarks go before the source's own; see `WithLandmarks`.
        labels: the FSErasing authors' published labels of FaceSynthetics; see `WithPublishedLabels`.
        limit: only the first so many faces.

    Raises:
        SourceNotFoundError: there is nothing at the path, or a file that belongs to it is missing.
        SourceFormatError: what lies there is none of the formats, or a damaged one.
        ParamsError: an unknown format, a limit below 1, or published labels for another source than FaceSynthetics.
    """
    if format not in get_args(SourceFormat):
        raise ParamsError(f"format {format!r}; expected one of {', '.join(get_args(SourceFormat))}")
    if limit is not None and limit < 1:
        raise ParamsError(f"limit {limit}; expected at least 1 face, or none to take them all")
    path = path.absolute()
    if not path.exists():
        raise SourceNotFoundError(f"{path}: expected a source of faces; found nothing there; check the path")
    source = _open(path, format)
    if labels is not None:
        if not isinstance(source, FaceSynthetics):
            raise ParamsError(f"{labels}: published labels exist for facesynthetics only; {path} is {source.name}")
        source = WithPublishedLabels(source, labels.absolute())
    if landmarks is not None:
        source = WithLandmarks(source, landmarks.absolute())
    return source if limit is None else FirstFaces(source, limit)


class _Format(NamedTuple):
    looks_like: str
    find: Callable[[Path], Path | None]
    open: Callable[[Path], Source]


def _open(path: Path, format: SourceFormat) -> Source:
    if format != "auto":
        chosen = _FORMATS[format]
        return chosen.open(chosen.find(path) or path)
    for candidate in _FORMATS.values():
        found = candidate.find(path)
        if found is not None:
            return candidate.open(found)
    zips = sorted(path.glob("*.zip")) if path.is_dir() else []
    raise SourceFormatError(
        f"{path}: expected one of\n"
        + "".join(f"  {name}: {candidate.looks_like}\n" for name, candidate in _FORMATS.items())
        + (f"found {zips[0].name} in it; give that path" if zips else "found none of them; check the path")
    )


def _find_recordio(path: Path) -> Path | None:
    if path.is_file():
        return path if path.suffix == ".rec" else None
    records = sorted(path.glob("*.rec"))
    return path / "train.rec" if path / "train.rec" in records else _only(records)


def _find_facesynthetics(path: Path) -> Path | None:
    if path.is_file():
        return path if path.suffix == ".zip" or path.suffixes[-2:] == [".zip", ".001"] else None
    if has_frames(path):
        return path
    return _only(sorted(path.glob("*.zip.001")))


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
    "facesynthetics": _Format(
        "X.zip; X.zip.001 with X.zip.002, ... beside it, or their folder; "
        "a folder of 000000.png, 000000_seg.png, 000000_ldmks.txt, ...",
        _find_facesynthetics,
        FaceSynthetics,
    ),
    "imagefolder": _Format("a folder of <identity>/<image>, or of images", _find_imagefolder, ImageFolder),
}

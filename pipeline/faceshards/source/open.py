"""Open whatever lies at a path as a source of faces."""

from pathlib import Path
from typing import get_args

from faceshards.errors import ParamsError, SourceNotFoundError
from faceshards.source.base import Source
from faceshards.source.facesynthetics import FaceSynthetics
from faceshards.source.formats import SourceFormat, open_as, open_found
from faceshards.source.landmarks import WithLandmarks
from faceshards.source.overlay import FirstFaces
from faceshards.source.publishedlabels import WithPublishedLabels


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
            split zip, of ``train.rec`` and ``train.idx``, of CelebAMask-HQ or LaPa, of images, or of one subfolder of
            images a person. A data set is also found in a folder that is alone in it.
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
    source = open_found(path) if format == "auto" else open_as(path, format)
    if labels is not None:
        if not isinstance(source, FaceSynthetics):
            raise ParamsError(f"{labels}: published labels exist for facesynthetics only; {path} is {source.name}")
        source = WithPublishedLabels(source, labels.absolute())
    if landmarks is not None:
        source = WithLandmarks(source, landmarks.absolute())
    return source if limit is None else FirstFaces(source, limit)

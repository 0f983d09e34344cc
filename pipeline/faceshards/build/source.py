"""How to open the faces: what the stage `download` notes down for those after it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from faceshards.errors import SourceFormatError, SourceNotFoundError
from faceshards.source.base import Source
from faceshards.source.formats import SourceFormat
from faceshards.source.open import open_source
from faceshards.store.durable import write_file
from faceshards.textfile import read_json

NOTE = "source.json"
"""The file of the stage's out that says how to open the faces."""


@dataclass(frozen=True)
class ResolvedSource:
    """How to open the faces, as `source.json` in the stage's out.

    Attributes:
        name: of the data set: the file name without its endings.
        data: path of the zip, folder or `.rec`; within the stage's out unless `in_place`.
        in_place: the data lies where the user keeps it and was not copied.
        licence: under which the images may be used.
    """

    name: str
    data: str
    in_place: bool
    format: SourceFormat
    landmarks: str | None
    labels: str | None
    limit: int | None
    licence: str

    def open(self, folder: Path) -> Source:
        """Open the source; `folder` is the stage's out."""
        return open_source(
            self._path(folder),
            self.format,
            landmarks=None if self.landmarks is None else Path(self.landmarks),
            labels=None if self.labels is None else Path(self.labels),
            limit=self.limit,
        )

    def _path(self, folder: Path) -> Path:
        return Path(self.data) if self.in_place else folder / self.data


def write_note(note: ResolvedSource, folder: Path) -> None:
    """Note down how to open the faces."""
    write_file(folder / NOTE, (json.dumps(asdict(note), indent=2) + "\n").encode())


def read_note(folder: Path) -> ResolvedSource:
    """Read what `write_note` noted down.

    Raises:
        SourceNotFoundError: the stage `download` has not run.
        SourceFormatError: the note was altered.
    """
    path = folder / NOTE
    if not path.is_file():
        raise SourceNotFoundError(f"{path}: no such file; run the stage download first (dvc repro runs all in order)")
    remedy = "run the stage download again: dvc repro --force --single-item download"
    return read_json(path, TypeAdapter(ResolvedSource), remedy, SourceFormatError)

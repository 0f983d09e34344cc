"""The FSErasing authors' own published labels of FaceSynthetics (Kawai et al., IET Biometrics 2024)."""

import re
from pathlib import Path

from faceshards.errors import SourceFormatError, SourceNotFoundError
from faceshards.records import Truth
from faceshards.regions import N_REGIONS
from faceshards.source.base import Source
from faceshards.source.csvtable import read_table
from faceshards.source.decode import check_class_ids, decode_labels
from faceshards.source.files import Files, FolderFiles, ZipFiles
from faceshards.source.fingerprint import Fingerprints
from faceshards.source.names import shown
from faceshards.source.orientation import refuse_turned
from faceshards.source.overlay import Overlay

_LABEL = re.compile(r"(?:.*/)?labels_?25/([0-9]{1,18})_seg\.png")  # the authors' page spells it both ways
_NUMBER = re.compile("[0-9]{1,18}")


class WithPublishedLabels(Overlay):
    """FaceSynthetics with the authors' 25 classes as the truth of the frames that they labelled, 88,084 of 100,000.

    The other frames keep the source's own coarse truth. ``anno_list.csv`` (``frame_id,with_25``) is believed where it
    says that a frame has no 25-class labels; without the table a frame has them if its file is there.

    Args:
        source: a source whose sample ids are frame numbers.
        path: ``detailed_facesynthetics.zip`` as published, or the folder that holds ``labels_25/`` (or ``labels25/``)
            with ``{id:06d}_seg.png`` and, beside it, ``anno_list.csv``.

    Raises:
        SourceNotFoundError: the path is not there.
        SourceFormatError: it holds no such labels, or a damaged table.
    """

    def __init__(self, source: Source, path: Path) -> None:
        if not path.exists():
            raise SourceNotFoundError(f"{path}: expected the published labels; found nothing")
        super().__init__(source, path, files=(path,))
        self._files: Files = FolderFiles(path) if path.is_dir() else ZipFiles(path)
        matches = (_LABEL.fullmatch(name) for name in self._files.names)
        self._labels = {int(match[1]): match[0] for match in matches if match}
        if not self._labels:
            raise SourceFormatError(f"{path}: expected labels_25/000000_seg.png and so on; found none")
        for name in self._files.names:
            if name.rsplit("/", 1)[-1] == "anno_list.csv":
                for frame in _unlabelled(self._files, name):
                    self._labels.pop(frame, None)

    def fingerprints(self, index: int) -> Fingerprints:
        """See `Source.fingerprints`."""
        name = self._label(index)
        parts = self._source.fingerprints(index)
        # Marked, for the same file means other classes here.
        return parts if name is None else parts._replace(truth=b"regions25 " + self._files.fingerprint(name))

    def truth(self, index: int) -> Truth | None:
        """See `Source.truth`; the 25 regions, or what the source has."""
        name = self._label(index)
        if name is None:
            return self._source.truth(index)
        refuse_turned(self.image_bytes(index), self.face(index).source_id, "truth")
        what = f"{self._files.label}/{shown(name)}"
        labels = decode_labels(self._files.read(name), what)
        return Truth(check_class_ids(labels, N_REGIONS, what), "regions25")

    def _label(self, index: int) -> str | None:
        """The name of the frame's published labels."""
        sample_id = self.face(index).sample_id
        return self._labels.get(int(sample_id)) if _NUMBER.fullmatch(sample_id) else None


def _unlabelled(files: Files, name: str) -> list[int]:
    """The frames that ``anno_list.csv`` says have no 25-class labels."""
    table = read_table(files, name, required=("frame_id", "with_25"))
    try:
        return [
            int(frame)
            for frame, has in zip(table.unique("frame_id"), table.column("with_25"), strict=True)
            if not int(has)
        ]
    except ValueError as error:
        raise SourceFormatError(f"{table.what}: expected whole numbers in frame_id and with_25; {error}") from error

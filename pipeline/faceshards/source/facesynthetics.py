"""FaceSynthetics (Wood et al., ICCV 2021): ``{id}.png``, ``{id}_seg.png``, ``{id}_ldmks.txt``, in a zip or a folder."""

import re
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np

from faceshards.cells import visible
from faceshards.counted import counted
from faceshards.errors import BadSampleError, SourceFormatError
from faceshards.records import Float32Array, SourceFace, Truth
from faceshards.regions import CoarseRegion
from faceshards.source.csvtable import read_table
from faceshards.source.decode import check_class_ids, decode_labels
from faceshards.source.files import Files, FolderFiles, zip_files
from faceshards.source.fingerprint import Fingerprints
from faceshards.source.labelledphotos import strays
from faceshards.source.names import composed, shown
from faceshards.source.orientation import refuse_turned
from faceshards.source.reopen import OncePerProcess, in_bytes

N_LANDMARKS = 70

_MOST_BYTES = 2**16
"""Of a file of landmarks: of each number some hundred digits."""

_SEG = "_seg.png"
_LDMKS = "_ldmks.txt"
_FRAME = re.compile(r"(?:.*/)?[0-9]{1,18}\.png")


class FaceSynthetics(OncePerProcess):
    """Frames of an official FaceSynthetics zip, read in place, or of a folder with the same layout.

    A frame without ``_seg.png`` has no truth, one without ``_ldmks.txt`` no landmarks. Any other picture beside the
    frames is a bad sample. A table ``identities.csv`` (``sample_id,identity``) beside the frames names who is who;
    without it, or without a row there, identity is None.

    Args:
        path: ``X.zip``, the first part ``X.zip.001`` of a split zip, or the folder that holds the frames.

    Attributes:
        files: what the zip or the folder holds.

    Raises:
        SourceNotFoundError: the path, or a part of a split zip, is not there.
        SourceFormatError: it holds no frames, or frames in more than one folder, or a damaged ``identities.csv``.
    """

    name = "facesynthetics"

    def __init__(self, path: Path) -> None:
        self.files: Files = FolderFiles(path) if path.is_dir() else zip_files(path)
        super().__init__(path, files=(path,), listed=in_bytes(self.files.names))
        frames = sorted(name for name in self.files.names if _FRAME.fullmatch(name))
        folders = sorted({str(PurePosixPath(frame).parent) for frame in frames})
        if len(folders) != 1:
            raise SourceFormatError(
                f"{path}: expected the frames 000000.png, 000001.png, ... of FaceSynthetics in one folder; found "
                + (f"them in {', '.join(folders[:5])}" if folders else "none")
                + ("" if path.is_dir() else "; a zip of other faces: unpack it and give the folder")
            )
        known = (_SEG, _LDMKS, "identities.csv")
        if not path.is_dir() and not any(name.endswith(known) for name in self.files.names):
            raise SourceFormatError(
                f"{path}: expected frames of FaceSynthetics with labels or landmarks; found numbered images alone; a "
                "zip of other faces: unpack it and give the folder"
            )
        stems = {frame.removesuffix(".png") for frame in frames}
        own = {f"{stem}{tail}" for stem in stems for tail in (".png", _SEG)}
        self._n_frames = len(frames)
        self._stems = [*sorted(stems), *(stray.image for stray in strays(self.files.names - own))]
        table = str(PurePosixPath(folders[0]) / "identities.csv")
        self._identities = _identities(self.files, table) if table in self.files.names else {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """See `faceshards.source.base.warnings_of`; rows of ``identities.csv`` that name no frame."""
        frames = {PurePosixPath(stem).name for stem in self._stems[: self._n_frames]}
        lost = [name for name in self._identities if name not in frames]
        if not lost:
            return ()
        return (
            f"{self.files.label}/identities.csv: no frame is named by {len(lost)} of "
            f"{counted(len(self._identities), 'row')}, such as {lost[0]!r}, and these are not used; the frames are "
            f"named as {min(frames)!r}",
        )

    def __len__(self) -> int:
        return len(self._stems)

    def face(self, index: int) -> SourceFace:
        """See `Source.face`; the sample id is the frame's own: ``"000000"``."""
        stem = self._stems[index]
        if not self._is_frame(index):
            return SourceFace(composed(shown(stem)), f"{self.files.label}/{shown(stem)}", None)
        sample_id = PurePosixPath(stem).name
        return SourceFace(sample_id, f"{self.files.label}/{shown(stem)}.png", self._identities.get(sample_id) or None)

    def fingerprints(self, index: int) -> Fingerprints:
        """See `Source.fingerprints`."""
        stem = self._stems[index]
        if not self._is_frame(index):
            return Fingerprints(self._fingerprint(stem), b"", b"")
        return Fingerprints(
            self._fingerprint(f"{stem}.png"), *(self._fingerprint(stem + tail) for tail in (_LDMKS, _SEG))
        )

    def digest(self, index: int) -> bytes:
        """See `Source.digest`."""
        return self.fingerprints(index).digest

    def image_bytes(self, index: int) -> bytes:
        """See `Source.image_bytes`."""
        stem = self._stems[index]
        if not self._is_frame(index):
            raise BadSampleError(
                "stray_picture",
                f"{self.files.label}/{shown(stem)}: expected frames named 000000.png and so on; no face of it",
            )
        return self.files.read(f"{stem}.png")

    def truth(self, index: int) -> Truth | None:
        """See `Source.truth`; the 19 coarse classes."""
        name = self._stems[index] + _SEG
        if name not in self.files.names:
            return None
        self._refuse_turned(index, "truth")
        what = f"{self.files.label}/{shown(name)}"
        labels = decode_labels(self.files.read(name), what)
        return Truth(check_class_ids(labels, len(CoarseRegion), what), "facesynthetics")

    def landmarks(self, index: int) -> Float32Array | None:
        """See `Source.landmarks`; (70, 2)."""
        name = self._stems[index] + _LDMKS
        if name not in self.files.names:
            return None
        self._refuse_turned(index, "landmarks")
        return parse_landmarks(self.files.read(name), f"{self.files.label}/{shown(name)}")

    def _refuse_turned(self, index: int, part: Literal["truth", "landmarks"]) -> None:
        refuse_turned(self.image_bytes(index), self.face(index).source_id, part)

    def _is_frame(self, index: int) -> bool:
        return range(len(self._stems))[index] < self._n_frames

    def _fingerprint(self, name: str) -> bytes:
        return self.files.fingerprint(name) if name in self.files.names else b""


def _identities(files: Files, name: str) -> dict[str, str]:
    table = read_table(files, name, required=("sample_id", "identity"))
    return dict(zip(table.unique("sample_id"), map(visible, table.column("identity")), strict=True))


def has_frames(folder: Path) -> bool:
    """Whether a folder holds FaceSynthetics frames: numbered images with labels or landmarks beside them."""
    return any(
        _FRAME.fullmatch(path.name) and any(path.with_name(path.stem + tail).is_file() for tail in (_SEG, _LDMKS))
        for path in folder.glob("*.png")
    )


def parse_landmarks(data: bytes, what: str) -> Float32Array:
    """Parse a landmarks file: 70 lines of ``x y`` in pixels, iBUG 68 and then the right and the left pupil.

    Returns:
        (70, 2) float32.

    Raises:
        BadSampleError: ``"malformed_landmarks"``.
    """
    if len(data) > _MOST_BYTES:
        raise BadSampleError(
            "malformed_landmarks", f"{what}: expected {N_LANDMARKS} lines of x y; found {counted(len(data), 'byte')}"
        )
    try:
        rows = [
            [float(number) for number in line.split()] for line in data.decode("ascii").splitlines() if line.strip()
        ]
        points = np.array(rows, np.float32)
    except ValueError as error:
        raise BadSampleError("malformed_landmarks", f"{what}: expected lines of two numbers; {error}") from error
    if points.shape != (N_LANDMARKS, 2):
        raise BadSampleError(
            "malformed_landmarks", f"{what}: expected {N_LANDMARKS} lines of x y; found an array of {points.shape}"
        )
    if not np.isfinite(points).all():
        raise BadSampleError("malformed_landmarks", f"{what}: expected finite numbers; found NaN or infinity")
    return points

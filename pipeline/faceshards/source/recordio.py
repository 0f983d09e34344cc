"""InsightFace RecordIO: ``train.rec`` with ``train.idx``, as its recognition sets (MS1MV2, Glint360K) are packed."""

import struct
import warnings
from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceshards.counted import counted
from faceshards.errors import BadSampleError, SourceFormatError, SourceNotFoundError
from faceshards.recordioformat import IMAGE_HEADER, LABEL_LIMIT
from faceshards.records import Float32Array, SourceFace, Truth
from faceshards.source.fingerprint import Fingerprints, fingerprint
from faceshards.source.names import shown
from faceshards.source.recordfile import RecordFile
from faceshards.source.reopen import OncePerProcess

_LABEL_BYTES = 4

_NOBODY = -1.0


class RecordIO(OncePerProcess):
    """The images of an InsightFace RecordIO pair, in the order of their keys; the identity is the first label.

    A record is a header and an encoded image. The header's flag says how many float32 labels stand between the two; at
    0 the one label is in the header. Record 0, if it has no image, says that the images are ``1 .. int(label[0]) - 1``;
    the records behind them, ranges of persons, are not read. Without such a record 0 every key is an image.
    Sample ids are the keys: ``"1"``. A record that cannot be read, or whose label is no number of a person, keeps its
    place, with identity None. Label -1 is nobody's, and its image is a face like any other.

    Args:
        path: the ``.rec`` file; the ``.idx`` file lies beside it under the same name.

    Raises:
        SourceNotFoundError: one of the two files is not there.
        SourceFormatError: the index does not read as one, or has fewer or more images than record 0 promises.
    """

    name = "recordio"
    numbered = True

    def __init__(self, path: Path) -> None:
        index = path.with_suffix(".idx")
        self._label = shown(path.name)
        self._file = RecordFile(path)
        self._keys, self._offsets = _read_index(index)
        images = self._promised_images(index)
        self._keys, self._offsets = self._keys[images], self._offsets[images]
        super().__init__(path, files=(path, index))

    def __len__(self) -> int:
        return len(self._keys)

    def face(self, index: int) -> SourceFace:
        """See `Source.face`."""
        try:
            person = self._person(index)
        except BadSampleError:
            person = None
        return SourceFace(str(self._keys[index]), self._what(index), None if person is None else str(person))

    def fingerprints(self, index: int) -> Fingerprints:
        """See `Source.fingerprints`; the record is read, for RecordIO keeps no checksums."""
        return Fingerprints(fingerprint(lambda: self.image_bytes(index)), landmarks=b"", truth=b"")

    def digest(self, index: int) -> bytes:
        """See `Source.digest`."""
        return self.fingerprints(index).digest

    def image_bytes(self, index: int) -> bytes:
        """See `Source.image_bytes`."""
        self._person(index)
        record = self._file.read(int(self._offsets[index]))
        image = record[_image_start(record) :]
        if not image:
            raise BadSampleError("corrupt_record", f"{self._what(index)}: expected an image; found no bytes")
        return image

    def truth(self, index: int) -> Truth | None:  # noqa: ARG002 (RecordIO has none)
        """See `Source.truth`; always None."""
        return None

    def landmarks(self, index: int) -> Float32Array | None:  # noqa: ARG002 (RecordIO has none)
        """See `Source.landmarks`; always None."""
        return None

    def _what(self, index: int) -> str:
        return f"{self._label}/{self._keys[index]}"

    def _person(self, index: int) -> int | None:
        """The number of the person; None for nobody's."""
        label = self._first_label(index)
        if label == _NOBODY:
            return None
        # NaN is no whole number either, and infinity too large.
        if not (0 <= label < LABEL_LIMIT and label.is_integer()):
            raise BadSampleError(
                "corrupt_record",
                f"{self._what(index)}: expected as label a whole number from 0 to {LABEL_LIMIT - 1}, or -1 for nobody; "
                f"found {label:g}",
            )
        return int(label)

    def _first_label(self, index: int) -> float:
        """The label that names the person, or what record 0 has in its place."""
        start = self._file.read_start(int(self._offsets[index]), IMAGE_HEADER.size + _LABEL_BYTES)
        try:
            flag, label, _, _ = IMAGE_HEADER.unpack_from(start)
            if flag > 0:
                (label,) = struct.unpack_from("<f", start, IMAGE_HEADER.size)
        except struct.error as error:
            raise BadSampleError("corrupt_record", f"{self._what(index)}: its header is cut short; {error}") from error
        return float(label)

    def _promised_images(self, index_path: Path) -> slice:
        """The places of the images among the sorted keys."""
        if self._keys[0] != 0:
            return slice(None)
        try:
            record = self._file.read(int(self._offsets[0]))
            has_image = len(record) != _image_start(record)
            label = self._first_label(0)
        except BadSampleError as error:
            raise SourceFormatError(f"{error.detail}; record 0 says which are images: get the file again") from error
        if has_image:
            return slice(None)
        end = int(label) if isfinite(label) and label.is_integer() else 0
        if not 1 < end <= len(self._keys) or self._keys[end - 1] != end - 1:
            raise SourceFormatError(
                f"{index_path}: record 0 promises the images 1 to {end - 1}; expected all of their keys; found "
                f"{counted(len(self._keys), 'key')} from 0 to {self._keys[-1]}; get the .rec and its .idx again"
            )
        if end < len(self._keys) and self._has_image(end):
            raise SourceFormatError(
                f"{index_path}: record 0 promises the images 1 to {end - 1}; expected ranges of persons behind them; "
                f"found an image in record {self._keys[end]}; get the .rec and its .idx again"
            )
        return slice(1, end)

    def _has_image(self, index: int) -> bool:
        try:
            record = self._file.read(int(self._offsets[index]))
        except BadSampleError:
            return False
        return len(record) != _image_start(record)


def _image_start(record: bytes) -> int:
    """Where the image begins, behind the header and its labels; at most the record's length."""
    flag = int(IMAGE_HEADER.unpack_from(record)[0]) if len(record) >= IMAGE_HEADER.size else 0
    return min(IMAGE_HEADER.size + _LABEL_BYTES * flag, len(record))


def _read_index(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Keys, ascending, and the offset of each."""
    if not path.is_file():
        raise SourceNotFoundError(f"{path}: expected the index of the .rec file under its name; found none")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "loadtxt: input contained no data")
            table = np.loadtxt(path, np.int64, comments=None, ndmin=2)
    except (ValueError, OverflowError) as error:
        raise SourceFormatError(f"{path}: expected lines of key and offset, two whole numbers; {error}") from error
    if table.size == 0 or table.shape[1] != 2:
        raise SourceFormatError(f"{path}: expected lines of key and offset; found {counted(len(table), 'such line')}")
    keys, offsets = table[np.argsort(table[:, 0], kind="stable")].T
    repeated = np.flatnonzero(keys[1:] == keys[:-1])
    if repeated.size or keys[0] < 0:
        raise SourceFormatError(
            f"{path}: expected keys from 0, each once; found {keys[repeated[0] if repeated.size else 0]}"
        )
    return keys, offsets

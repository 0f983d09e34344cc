"""InsightFace RecordIO: ``train.rec``, ``train.idx`` and ``property``, as its trainers read recognition sets."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from faceshards.errors import ExportError
from faceshards.export.faces import ExportView, Face, Selection
from faceshards.pngwriter import png
from faceshards.recordioformat import IMAGE_HEADER, LABEL_LIMIT, LENGTH_BITS, MAGIC, Flag
from faceshards.store.folder import new_folder
from faceshards.store.names import path_in
from faceshards.store.reader import Store
from faceshards.store.schema import NO_IDENTITY

_RANGE = struct.Struct("<2f")


def export_recordio(
    store: Store,
    out: Path,
    *,
    splits: Sequence[str] | None = None,
    view: ExportView = "original",
    numbers: bool = False,
) -> dict[str, int]:
    """Write ``<split>/train.rec``, ``<split>/train.idx`` and ``<split>/property``.

    Labels are those that `faceshards.Dataset.labels` gives, pictures are PNG. Record 0 says that the pictures are
    records 1 to n; the ranges of persons that may follow them are left out, for they want the pictures sorted by
    person, and trainers do without. Region maps and sample ids have no place in this format.

    Args:
        store: what to export.
        out: the folder to make.
        splits: which; None for all.
        view: see `ExportView`.
        numbers: in place of names, see `Selection`.

    Returns:
        How many pictures were written, by split.

    Raises:
        ExportError: `out` is there already or lies in the store, a face has no identity, the numbers are too large for
            the format, or the store has not what is asked for, or no usable face.
        MissingShardError, CorruptShardError: the store is damaged.
    """
    selection = Selection(store, splits, view, numbers=numbers)
    with new_folder(out, ExportError, outside=store.path) as folder:
        for split in selection.splits:
            identities = selection.num_identities(split)
            if max(identities, selection.counts[split] + 1) > LABEL_LIMIT:
                raise ExportError(
                    f"{store.path}: RecordIO's float labels hold at most {LABEL_LIMIT:,} faces or identities"
                )
            root = path_in(folder, split)
            root.mkdir()
            height, width = selection.size
            (root / "property").write_bytes(f"{identities},{height},{width}\n".encode())
            _write_split(root, selection, split)
    return selection.counts


def _write_split(folder: Path, selection: Selection, split: str) -> None:
    end = float(selection.counts[split] + 1)
    with (folder / "train.rec").open("wb") as records, (folder / "train.idx").open("w", newline="\n") as index:
        index.write("0\t0\n")
        _write_record(records, IMAGE_HEADER.pack(2, 0.0, 0, 0) + _RANGE.pack(end, end))
        for number, face in enumerate(selection.faces(split), 1):
            index.write(f"{number}\t{records.tell()}\n")
            _write_record(records, IMAGE_HEADER.pack(0, _label(face), number, 0) + png(face.image))


def _label(face: Face) -> float:
    if face.label == NO_IDENTITY:
        raise ExportError(
            f"face {face.sample_id!r} has no identity, and every RecordIO face needs one; export another format"
        )
    return float(face.label)


def _write_record(file: BinaryIO, data: bytes) -> None:
    """Write one record, cut at every magic word that lies at a multiple of four (dmlc-core ``recordio.h``)."""
    parts, start, at = [], 0, data.find(MAGIC)
    while at >= 0:
        if at % 4 == 0:
            parts.append(data[start:at])
            start = at + len(MAGIC)
        at = data.find(MAGIC, at + (len(MAGIC) if at % 4 == 0 else 1))
    parts.append(data[start:])
    for i, part in enumerate(parts):
        last = i == len(parts) - 1
        flag = (Flag.WHOLE if last else Flag.FIRST) if i == 0 else (Flag.LAST if last else Flag.MIDDLE)
        file.write(MAGIC + struct.pack("<I", flag << LENGTH_BITS | len(part)) + part + bytes(-len(part) % 4))

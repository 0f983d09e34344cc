"""WebDataset: tar files of samples, as https://github.com/webdataset/webdataset reads them."""

import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

from faceshards.errors import ExportError
from faceshards.export.faces import ExportView, Face, Selection
from faceshards.pngwriter import png
from faceshards.store.folder import new_folder
from faceshards.store.names import path_in
from faceshards.store.reader import Store


def export_webdataset(
    store: Store,
    out: Path,
    *,
    splits: Sequence[str] | None = None,
    view: ExportView = "original",
    numbers: bool = False,
    faces_per_tar: int = 10_000,
) -> dict[str, int]:
    """Write ``<split>-000000.tar``, ``<split>-000001.tar``, ...

    A sample is ``<key>.png``, ``<key>.region.png`` (region ids as grey values), ``<key>.cls`` (the label, see
    `faceshards.Dataset.labels`; -1 where not known) and ``<key>.json`` (sample id, label, identity, its name, names of
    the erased regions).

    Args:
        store: what to export.
        out: the folder to make.
        splits: which; None for all.
        view: see `ExportView`.
        numbers: in place of names, see `Selection`.
        faces_per_tar: how many pictures each file takes.

    Returns:
        How many pictures were written, by split.

    Raises:
        ExportError: `out` is there already or lies in the store, or the store has not what is asked for, or no usable
            face.
        MissingShardError, CorruptShardError: the store is damaged.
    """
    selection = Selection(store, splits, view, numbers=numbers)
    with new_folder(out, ExportError, outside=store.path) as folder:
        for split in selection.splits:
            for number, faces in selection.files(split, faces_per_tar):
                with tarfile.open(
                    path_in(folder, f"{split}-{number:06d}.tar"), "w", format=tarfile.USTAR_FORMAT
                ) as tar:
                    for face in faces:
                        _add_sample(tar, face)
    return selection.counts


def _add_sample(tar: tarfile.TarFile, face: Face) -> None:
    parts = {"png": png(face.image), "cls": str(face.label).encode()}
    if face.region is not None:
        parts["region.png"] = png(face.region)
    parts["json"] = json.dumps(face.record(), ensure_ascii=False).encode()
    for extension, data in parts.items():
        # No owner and no time of day, so that the same store gives the same bytes.
        entry = tarfile.TarInfo(f"{face.key}.{extension}")
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))

"""A folder of PNG files, one subfolder a person, as torchvision's ImageFolder and `faceshards` itself read it."""

import csv
from collections.abc import Sequence
from pathlib import Path

from faceshards.cells import cell
from faceshards.errors import ExportError
from faceshards.export.faces import ExportView, Face, Selection
from faceshards.pngwriter import png
from faceshards.store.folder import new_folder
from faceshards.store.names import path_in
from faceshards.store.reader import Store
from faceshards.store.schema import NO_IDENTITY

_COLUMNS = ("path", "sample_id", "label", "identity", "identity_name", "erased")


def export_imagefolder(
    store: Store,
    out: Path,
    *,
    splits: Sequence[str] | None = None,
    view: ExportView = "original",
    numbers: bool = False,
) -> dict[str, int]:
    """Write ``<label>/<key>.png`` below ``<split>/images`` and ``<split>/regions``, and ``<split>/faces.csv``.

    Labels are those that `faceshards.Dataset.labels` gives. They are padded with zeros, so that the alphabet sorts them
    as numbers. A person without faces has no folder: torchvision's ImageFolder then numbers those that follow anew,
    while names of folders and ``faces.csv`` keep the labels. Faces of no identity lie in ``unknown``, or, where none
    has one, in ``images`` itself. Regions are grey values, 255 where none applies. Names in ``faces.csv`` are as
    `faceshards.cells.cell` has them.

    Args:
        store: what to export.
        out: the folder to make.
        splits: which; None for all.
        view: see `ExportView`.
        numbers: in place of names, see `Selection`.

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
            root = path_in(folder, split)
            root.mkdir()
            digits = len(str(selection.num_identities(split) - 1)) if selection.anybody_known(split) else None
            with (root / "faces.csv").open("w", newline="", encoding="utf-8") as file:
                table = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
                table.writeheader()
                for face in selection.faces(split):
                    path = _path(face, digits)
                    _write(root / "images" / path, png(face.image))
                    if face.region is not None:
                        _write(root / "regions" / path, png(face.region))
                    record = {**face.record(), "path": f"images/{path}", "erased": " ".join(face.erased)}
                    table.writerow({name: cell(of) if isinstance(of, str) else of for name, of in record.items()})
    return selection.counts


def _path(face: Face, digits: int | None) -> str:
    """Below ``images``: in a folder of so many digits, or in none."""
    if digits is None:
        return f"{face.key}.png"
    folder = "unknown" if face.label == NO_IDENTITY else f"{face.label:0{digits}d}"
    return f"{folder}/{face.key}.png"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)

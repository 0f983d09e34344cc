"""Parquet files that Hugging Face's `datasets` loads as images, and that any reader of Parquet loads as PNG bytes."""

import json
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from faceshards.errors import ExportError
from faceshards.export.faces import ExportView, Face, Selection
from faceshards.export.hubcard import card, hub_split
from faceshards.pngwriter import png
from faceshards.store.folder import new_folder
from faceshards.store.names import path_in
from faceshards.store.reader import Store

_ROW_GROUP = 256
_MOST_FILES = 99_999  # a split: their numbers have five digits

_STRING = {"dtype": "string", "_type": "Value"}
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


class _Column(NamedTuple):
    """Type in Parquet, feature of `datasets` (None for one that depends on the store), type in words, meaning."""

    type: pa.DataType
    feature: Mapping[str, Any] | None
    called: str
    what: str


_COLUMNS = {
    "image": _Column(_IMAGE, {"_type": "Image"}, "picture", "the aligned face, RGB, or a variant with regions erased"),
    "region": _Column(_IMAGE, {"_type": "Image"}, "picture", "the id of each pixel's region, grey"),
    "label": _Column(
        pa.int64(),
        {"dtype": "int64", "_type": "Value"},
        "int64",
        "what to train a classifier of people on: the place of the person in the split; -1 where not known",
    ),
    "identity": _Column(
        pa.int64(), None, "`ClassLabel`", "the person in all splits, with the name; -1 where not known"
    ),
    "identity_name": _Column(pa.string(), _STRING, "string", "the name of the person; null where not known"),
    "sample_id": _Column(pa.string(), _STRING, "string", "the name of the face, the same for all of its variants"),
    "erased": _Column(
        pa.list_(pa.string()),
        {"feature": _STRING, "_type": "Sequence"},
        "list of strings",
        "the names of the regions that are erased in `image`; empty in a face as it is",
    ),
}


def export_huggingface(
    store: Store,
    out: Path,
    *,
    splits: Sequence[str] | None = None,
    view: ExportView = "original",
    numbers: bool = False,
    faces_per_file: int = 10_000,
) -> dict[str, int]:
    """Write ``data/<split>-00000-of-00002.parquet``, ..., and a ``README.md`` that names the splits.

    ``datasets.load_dataset(str(out))`` gives `image` and `region` (grey region ids) as pictures, `label` (see
    `faceshards.Dataset.labels`), `identity` (a `ClassLabel` with the names of the people; both are -1 where not known),
    `identity_name`, `sample_id` and `erased`, the names of the erased regions. The card has the store's title, licence,
    description and citation, a table of the columns and the names of the regions.

    Args:
        store: what to export.
        out: the folder to make.
        splits: which; None for all.
        view: see `ExportView`.
        numbers: in place of names, see `Selection`.
        faces_per_file: how many pictures each file takes.

    Returns:
        How many pictures were written, by split.

    Raises:
        ExportError: `out` is there already or lies in the store, or the store has not what is asked for, or no usable
            face.
        MissingShardError, CorruptShardError: the store is damaged.
    """
    selection = Selection(store, splits, view, numbers=numbers)
    if max(selection.counts.values()) > _MOST_FILES * faces_per_file:
        raise ExportError(f"{store.path}: more than {_MOST_FILES:,} files of {faces_per_file} faces; give each more")
    if len({hub_split(split) for split in selection.splits}) < len(selection.splits):
        raise ExportError(
            f"{store.path}: expected splits that differ by more than '-' and '_', which are one in `datasets`; found "
            f"{', '.join(selection.splits)}; name those to export: --split"
        )
    schema = _schema(selection.people)
    with new_folder(out, ExportError, outside=store.path) as folder:
        (folder / "data").mkdir()
        for split in selection.splits:
            files = -(-selection.counts[split] // faces_per_file)
            for number, faces in selection.files(split, faces_per_file):
                with pq.ParquetWriter(
                    path_in(folder, f"data/{split}-{number:05d}-of-{files:05d}.parquet"), schema, compression="zstd"
                ) as writer:
                    while rows := [_row(face) for face in islice(faces, _ROW_GROUP)]:
                        writer.write_table(pa.Table.from_pylist(rows, schema))
        with_faces = [split for split, count in selection.counts.items() if count]  # of others there is no file
        columns = {name: (column.called, column.what) for name, column in _COLUMNS.items()}
        (folder / "README.md").write_bytes(card(store.info, with_faces, columns).encode())
    return selection.counts


def _schema(people: Sequence[str]) -> pa.Schema:
    of_people = {"names": list(people), "_type": "ClassLabel"}
    features = {name: of_people if column.feature is None else column.feature for name, column in _COLUMNS.items()}
    fields = {name: column.type for name, column in _COLUMNS.items()}
    # Where `datasets` looks for its features.
    return pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": features}})})


def _row(face: Face) -> dict[str, Any]:
    name = f"{face.key}.png"
    region = None if face.region is None else {"bytes": png(face.region), "path": name}
    return {"image": {"bytes": png(face.image), "path": name}, "region": region, **face.record()}

"""Parquet files that Hugging Face's `datasets` loads as images, and that any reader of Parquet loads as PNG bytes."""

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from faceshards.errors import ExportError
from faceshards.export.faces import ExportView, Face, Selection, png
from faceshards.store.folder import new_folder
from faceshards.store.names import path_in
from faceshards.store.reader import Store

_ROW_GROUP = 256

_STRING = {"dtype": "string", "_type": "Value"}
_FEATURES: dict[str, dict[str, Any]] = {
    "image": {"_type": "Image"},
    "region": {"_type": "Image"},
    "label": {"dtype": "int64", "_type": "Value"},
    "identity": {"dtype": "int64", "_type": "Value"},
    "identity_name": _STRING,
    "sample_id": _STRING,
    "erased": {"feature": _STRING, "_type": "Sequence"},
}
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_SCHEMA = pa.schema(
    {
        "image": _IMAGE,
        "region": _IMAGE,
        "label": pa.int64(),
        "identity": pa.int64(),
        "identity_name": pa.string(),
        "sample_id": pa.string(),
        "erased": pa.list_(pa.string()),
    },
    # Where `datasets` looks for its features.
    metadata={"huggingface": json.dumps({"info": {"features": _FEATURES}})},
)

_CARD = """---
license: other
license_name: {licence}
configs:
- config_name: default
  data_files:
{files}
---
"""


def export_huggingface(
    store: Store,
    out: Path,
    *,
    splits: Sequence[str] | None = None,
    view: ExportView = "original",
    faces_per_file: int = 10_000,
) -> None:
    """Write ``data/<split>-00000-of-00002.parquet``, ..., and a ``README.md`` that names the splits.

    ``datasets.load_dataset(str(out))`` gives `image` and `region` (grey region ids) as pictures, `label` (see
    `faceshards.Dataset.labels`) and `identity` (both -1 where not known), `identity_name`, `sample_id` and `erased`,
    the names of the erased regions.

    Args:
        store: what to export.
        out: the folder to make.
        splits: which; None for all.
        view: see `ExportView`.
        faces_per_file: how many pictures each file takes.

    Raises:
        ExportError: `out` is there already, or the store has not what is asked for.
        MissingShardError, CorruptShardError: the store is damaged.
    """
    selection = Selection(store, splits, view)
    with new_folder(out, ExportError) as folder:
        (folder / "data").mkdir()
        for split in selection.splits:
            files = -(-selection.count(split) // faces_per_file)
            numbered = enumerate(selection.faces(split))
            for number, faces in groupby(numbered, lambda pair: pair[0] // faces_per_file):
                with pq.ParquetWriter(
                    path_in(folder, f"data/{split}-{number:05d}-of-{files:05d}.parquet"), _SCHEMA, compression="zstd"
                ) as writer:
                    for _, group in groupby(faces, lambda pair: pair[0] // _ROW_GROUP):
                        writer.write_table(pa.Table.from_pylist([_row(face) for _, face in group], _SCHEMA))
        paths = (f"  - split: {json.dumps(split)}\n    path: data/{split}-*" for split in selection.splits)
        card = _CARD.format(licence=json.dumps(store.info["licence"]), files="\n".join(paths))
        (folder / "README.md").write_text(card, encoding="utf-8")


def _row(face: Face) -> dict[str, Any]:
    name = f"{face.key}.png"
    region = None if face.region is None else {"bytes": png(face.region), "path": name}
    return {"image": {"bytes": png(face.image), "path": name}, "region": region, **face.record()}

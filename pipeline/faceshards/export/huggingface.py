"""Parquet files that Hugging Face's `datasets` loads as images, and that any reader of Parquet loads as PNG bytes.

Why not huggingface_hub's DatasetCard: the export runs in a base install, and the card is a dozen lines of YAML.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import islice, product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from faceshards.errors import ExportError
from faceshards.export.faces import ExportView, Face, Selection
from faceshards.pngwriter import png
from faceshards.store.description import title_of
from faceshards.store.folder import new_folder
from faceshards.store.licence import licence_url, spdx
from faceshards.store.names import path_in
from faceshards.store.reader import Store

_ROW_GROUP = 256
_MOST_FILES = 99_999  # a split: their numbers have five digits

_STRING = {"dtype": "string", "_type": "Value"}
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_COLUMNS = {
    "image": _IMAGE,
    "region": _IMAGE,
    "label": pa.int64(),
    "identity": pa.int64(),
    "identity_name": pa.string(),
    "sample_id": pa.string(),
    "erased": pa.list_(pa.string()),
}

_CC_KINDS = ("BY", "BY-NC", "BY-NC-ND", "BY-NC-SA", "BY-SA")
_HUB_LICENCES = {
    **{name: name.lower() for name in ("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "MIT")},
    **{f"CC-{kind}-{version}": f"cc-{kind.lower()}-{version}" for kind, version in product(_CC_KINDS, ("3.0", "4.0"))},
    **{name: name.lower() for name in ("CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "CDLA-Sharing-1.0")},
    "C-UDA-1.0": "c-uda",
    "ODC-By-1.0": "odc-by",
    "ODbL-1.0": "odbl",
    "PDDL-1.0": "pddl",
}
"""SPDX identifiers of licences of data, and what the Hub calls them
(https://huggingface.co/docs/hub/repositories-licenses). All others are "other" there, with a name."""


def export_huggingface(
    store: Store,
    out: Path,
    *,
    splits: Sequence[str] | None = None,
    view: ExportView = "original",
    numbers: bool = False,
    faces_per_file: int = 10_000,
) -> None:
    """Write ``data/<split>-00000-of-00002.parquet``, ..., and a ``README.md`` that names the splits.

    ``datasets.load_dataset(str(out))`` gives `image` and `region` (grey region ids) as pictures, `label` (see
    `faceshards.Dataset.labels`), `identity` (a `ClassLabel` with the names of the people; both are -1 where not known),
    `identity_name`, `sample_id` and `erased`, the names of the erased regions. The card has the store's title, licence,
    description and citation.

    Args:
        store: what to export.
        out: the folder to make.
        splits: which; None for all.
        view: see `ExportView`.
        numbers: in place of names, see `Selection`.
        faces_per_file: how many pictures each file takes.

    Raises:
        ExportError: `out` is there already, or the store has not what is asked for.
        MissingShardError, CorruptShardError: the store is damaged.
    """
    selection = Selection(store, splits, view, numbers=numbers)
    if any(selection.count(split) > _MOST_FILES * faces_per_file for split in selection.splits):
        raise ExportError(f"{store.path}: more than {_MOST_FILES:,} files of {faces_per_file} faces; give each more")
    schema = _schema(selection.people)
    with new_folder(out, ExportError) as folder:
        (folder / "data").mkdir()
        for split in selection.splits:
            files = -(-selection.count(split) // faces_per_file)
            for number, faces in selection.files(split, faces_per_file):
                with pq.ParquetWriter(
                    path_in(folder, f"data/{split}-{number:05d}-of-{files:05d}.parquet"), schema, compression="zstd"
                ) as writer:
                    while rows := [_row(face) for face in islice(faces, _ROW_GROUP)]:
                        writer.write_table(pa.Table.from_pylist(rows, schema))
        (folder / "README.md").write_bytes(_card(store.info, selection.splits).encode())


def _schema(people: Sequence[str]) -> pa.Schema:
    features: dict[str, dict[str, Any]] = {
        "image": {"_type": "Image"},
        "region": {"_type": "Image"},
        "label": {"dtype": "int64", "_type": "Value"},
        "identity": {"names": list(people), "_type": "ClassLabel"},
        "identity_name": _STRING,
        "sample_id": _STRING,
        "erased": {"feature": _STRING, "_type": "Sequence"},
    }
    # Where `datasets` looks for its features.
    return pa.schema(_COLUMNS, metadata={"huggingface": json.dumps({"info": {"features": features}})})


def _card(info: Mapping[str, Any], splits: Sequence[str]) -> str:
    """A dataset card."""
    about, licence = info["about"], info["licence"]
    known = _HUB_LICENCES.get(spdx(licence) or "")
    title = title_of(info)
    head = [f"pretty_name: {_scalar(title)}"]
    head += [f"license: {known}"] if known else ["license: other", f"license_name: {_scalar(licence)}"]
    if not known and (link := licence_url(licence)):
        head.append(f"license_link: {link}")
    head += ["configs:", "- config_name: default", "  data_files:"]
    for split in splits:
        # A star would take the files of a split "train-2" for those of "train" as well.
        head += [f"  - split: {_scalar(split)}", f"    path: data/{split}-?????-of-?????.parquet"]
    text = [f"# {title}", about.get("description"), f"Licence of the images: {licence}"]
    text += [
        f"{what}: {about[key]}" for key, what in (("version", "Version"), ("homepage", "Homepage")) if key in about
    ]
    text += [f"Cite as:\n\n```\n{about['citation']}\n```"] if "citation" in about else []
    body = "\n\n".join(part for part in text if part)
    return "\n".join(["---", *head, "---", "", body, ""])


def _scalar(text: str) -> str:
    """Text in YAML's double quotes. JSON would not do: YAML takes its two halves of a letter beyond U+FFFF for two."""
    letters = (c if c.isascii() and c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
    return '"' + "".join(letters) + '"'


def _row(face: Face) -> dict[str, Any]:
    name = f"{face.key}.png"
    region = None if face.region is None else {"bytes": png(face.region), "path": name}
    return {"image": {"bytes": png(face.image), "path": name}, "region": region, **face.record()}

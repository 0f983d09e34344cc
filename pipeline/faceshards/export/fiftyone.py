"""FiftyOne's own dataset type, which `fiftyone` imports with masks, people and numbers, and shows in its App.

Why not `fiftyone` itself as the writer: it needs a running MongoDB.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from faceshards.errors import ExportError
from faceshards.export.faces import ExportView, Face, Selection
from faceshards.export.fiftyonefields import MASK_TARGETS, colours, fields_of
from faceshards.pngwriter import png
from faceshards.regions import REGION_NAMES
from faceshards.store.dataset_json import checksum
from faceshards.store.description import title_of
from faceshards.store.folder import new_folder
from faceshards.store.names import path_in
from faceshards.store.reader import Store
from faceshards.store.schema import NO_IDENTITY

_VERSION = "1.0.0"
"""Of FiftyOne, whose form of ``metadata.json`` this is. Later releases bring it up to their own as they import it."""

_MEASURED = ("confidence", "mirror_agreement", "region_px", "region_confidence")
_DIGITS = 6


def export_fiftyone(
    store: Store,
    out: Path,
    *,
    splits: Sequence[str] | None = None,
    view: ExportView = "original",
    numbers: bool = False,
) -> dict[str, int]:
    """Write ``metadata.json``, ``samples.json``, ``data/<split>/<key>.png`` and ``fields/region/<split>/<row>.png``.

    ``fiftyone.Dataset.from_dir(str(out), dataset_type=fiftyone.types.FiftyOneDataset)`` gives samples that are tagged
    with their split and have these fields. Those of which the store knows nothing are left out.

    - `region`: a `Segmentation` whose mask is on disk; values are region ids, 255 where none applies.
    - `identity`: a `Classification` with the name of the person, none where not known; `label`, see
      `faceshards.Dataset.labels`; `class_id`.
    - `sample_id`, `erased` (names of the erased regions), `confidence` and `mirror_agreement`, from 0 to 1.
    - `region_area.<region>`, the share of the picture, and `region_confidence.<region>`, both from 0 to 1.

    The view ``"variants"`` makes a grouped dataset: each face is a group of the slice ``original``, which is the
    default, and ``variant_0``, ``variant_1``, ... The same face has the same ids in every export of a data set of
    this name.

    Args:
        store: what to export.
        out: the folder to make.
        splits: which; None for all.
        view: see above.
        numbers: in place of names, see `Selection`.

    Returns:
        How many pictures were written, by split.

    Raises:
        ExportError: `out` is there already or lies in the store, the store has not what is asked for, or no usable
            face, or a number of a face is none.
        MissingShardError, CorruptShardError: the store is damaged.

    Example:
        >>> export_fiftyone(faceshards.store.reader.Store.open("data/shards"), Path("out/fiftyone"))  # doctest: +SKIP
    """
    selection = Selection(store, splits, view, numbers=numbers, grouped=True, columns=_MEASURED)
    name = str(store.info["name"])
    with new_folder(out, ExportError, outside=store.path) as folder:
        (folder / "data").mkdir()
        with (folder / "samples.json").open("w", encoding="utf-8", newline="\n") as file:
            file.write('{"samples": [')
            before = "\n"
            for split in selection.splits:
                images = path_in(folder, f"data/{split}")
                images.mkdir()
                masks = path_in(folder, f"fields/region/{split}")
                if "region" in store.arrays:
                    masks.mkdir(parents=True)
                for face in selection.faces(split):
                    image = png(face.image)
                    (images / f"{face.key}.png").write_bytes(image)
                    if face.region is not None and face.variant is None:
                        (masks / f"{face.key}.png").write_bytes(png(face.region))
                    sample = _sample(face, split, selection, name, len(image))
                    file.write(before + json.dumps(sample, ensure_ascii=False))
                    before = ",\n"
            file.write("\n]}\n")
        metadata = json.dumps(_metadata(selection), indent=2, ensure_ascii=False)
        (folder / "metadata.json").write_bytes(f"{metadata}\n".encode())
    return selection.counts


def _metadata(selection: Selection) -> dict[str, Any]:
    info = selection.store.info
    about = dict(info["about"])
    grouped = {
        "group_field": "group",
        "group_media_types": {_slice(k): "image" for k in (None, *range(selection.variants))},
        "default_group_slice": _slice(None),
    }
    return {
        "name": info["name"],
        "version": _VERSION,
        "media_type": "group" if selection.variants else "image",
        **(grouped if selection.variants else {}),
        "description": about.pop("description", None),
        "tags": [],
        # A stranger's store may tell about itself under any name, that of the licence as well.
        "info": {**about, "title": title_of(info), "licence": info["licence"], "sha256": checksum(info)},
        "app_config": {"color_scheme": {"default_mask_targets_colors": colours()}},
        "mask_targets": {"region": MASK_TARGETS} if "region" in selection.store.arrays else {},
        "sample_fields": fields_of(selection),
    }


def _sample(face: Face, split: str, selection: Selection, name: str, size: int) -> dict[str, Any]:
    of = (name, split, face.sample_id)
    height, width = selection.size
    sample: dict[str, Any] = {
        "_id": _id(*of, _slice(face.variant)),
        "filepath": f"data/{split}/{face.key}.png",
        "tags": [split],
        "metadata": {
            "_cls": "ImageMetadata",
            "size_bytes": size,
            "mime_type": "image/png",
            "width": width,
            "height": height,
            "num_channels": 3,
        },
        "_media_type": "image",
        "_rand": _rand(*of, _slice(face.variant)),
        "sample_id": face.sample_id,
        "identity": None,
        "label": None,
        "class_id": None,
    }
    if selection.variants:
        sample["group"] = {"_id": _id(*of, "group"), "_cls": "Group", "name": _slice(face.variant)}
        sample["erased"] = list(face.erased)
    if face.region is not None:
        mask = f"fields/region/{split}/{face.key.partition('-')[0]}.png"
        sample["region"] = _label("Segmentation", _id(*of, _slice(face.variant), "region"), mask_path=mask)
    if face.identity != NO_IDENTITY:
        person = selection.people[face.identity]
        sample["identity"] = _label("Classification", _id(*of, _slice(face.variant), "identity"), label=person)
        sample |= {"label": face.label, "class_id": face.identity}
    return sample | _measured(face.measured, height * width)


def _measured(measured: Mapping[str, Any], pixels: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: _number(measured[name]) for name in ("confidence", "mirror_agreement") if name in measured
    }
    by_region = {}
    if areas := measured.get("region_px"):
        by_region["region_area"] = [area / pixels for area in areas]
    if sure := measured.get("region_confidence"):
        by_region["region_confidence"] = sure
    for name, values in by_region.items():
        known = {region: _number(value) for region, value in zip(REGION_NAMES, values, strict=True)}
        found[name] = {"_cls": "DynamicEmbeddedDocument", **known}
    return found


def _number(value: float | None) -> float | None:
    """As people read it: single precision has no more digits to tell."""
    if value is None:
        return None
    if not isfinite(value):
        raise ExportError(
            f"expected numbers in the manifest's columns {', '.join(_MEASURED)}; found {value}, which JSON has not; "
            "`faceshards verify` names the faces: build the store again"
        )
    return round(float(value), _DIGITS)


def _label(kind: str, id_: dict[str, str], **values: Any) -> dict[str, Any]:
    return {"_id": id_, "_cls": kind, "tags": [], **values}


def _slice(variant: int | None) -> str:
    return "original" if variant is None else f"variant_{variant}"


def _digest(*of: str) -> bytes:
    return hashlib.sha256("\0".join(of).encode()).digest()


def _id(*of: str) -> dict[str, str]:
    """MongoDB's id of 12 bytes, which follows from what it is the id of."""
    return {"$oid": _digest(*of)[:12].hex()}


def _rand(*of: str) -> float:
    """The number by which FiftyOne shuffles; it draws them from 0.999 to 1."""
    return 0.999 + int.from_bytes(_digest(*of)[12:16]) / 2**32 / 1000

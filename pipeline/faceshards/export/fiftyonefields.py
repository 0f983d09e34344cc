"""How `metadata.json` of a FiftyOneDataset declares the fields of its samples."""

from typing import Any

from faceshards.export.faces import Selection
from faceshards.regions import IGNORE, PALETTE, REGION_NAMES

_FIELDS = "fiftyone.core.fields."
_LABELS = "fiftyone.core.labels."
_DYNAMIC = "fiftyone.core.odm.embedded_document.DynamicEmbeddedDocument"

MASK_TARGETS = {**{str(i): name for i, name in enumerate(REGION_NAMES)}, str(IGNORE): "no_region"}
"""What the values of a mask mean. FiftyOne draws nothing where a mask is 0, which is the background here as well."""


def colours() -> list[dict[str, Any]]:
    """The colours in which the App draws the values of a mask: those of `faceshards.regions.PALETTE`."""
    return [{"intTarget": i, "color": "#" + bytes(rgb).hex()} for i, rgb in enumerate(PALETTE) if i]


def fields_of(selection: Selection) -> list[dict[str, Any]]:
    """The fields of every sample of an export, as `SampleFieldDocument` of FiftyOne has them."""
    return [
        *_own(grouped=bool(selection.variants)),
        *_faces(selection),
        *_measured(selection.columns),
    ]


def _own(*, grouped: bool) -> list[dict[str, Any]]:
    """Those that FiftyOne itself gives every sample."""
    size = [_field(name, "Int") for name in ("width", "height", "num_channels")]
    kind = "fiftyone.core.metadata." + ("Metadata" if grouped else "ImageMetadata")
    group = _embedded("group", "fiftyone.core.groups.Group", [_id("id"), _field("name", "String")])
    return [
        _id("id"),
        _field("filepath", "String"),
        _list("tags"),
        _embedded("metadata", kind, [_field("size_bytes", "Int"), _field("mime_type", "String"), *size]),
        _field("created_at", "DateTime", read_only=True),
        _field("last_modified_at", "DateTime", read_only=True),
        _field("_media_type", "String"),
        _field("_rand", "Float"),
        _field("_dataset_id", "ObjectId"),
        *([group] if grouped else []),
    ]


def _faces(selection: Selection) -> list[dict[str, Any]]:
    label = [_id("id"), _list("tags")]
    mask = [*label, _field("mask", "Array"), _field("mask_path", "String")]
    person = [*label, _field("label", "String"), _field("confidence", "Float"), _field("logits", "Vector")]
    region = _embedded("region", f"{_LABELS}Segmentation", mask, "The 25 face regions")
    return [
        *([region] if "region" in selection.store.arrays else []),
        _embedded("identity", f"{_LABELS}Classification", person, "The person, by the source's own name"),
        _field("sample_id", "String", "As in the manifest"),
        _field("label", "Int", "What a classifier is trained on: the place of the person among all of the split"),
        _field("class_id", "Int", "The person's number in the manifest"),
        *([_list("erased", "The regions that were erased of a variant")] if selection.variants else []),
    ]


def _measured(columns: tuple[str, ...]) -> list[dict[str, Any]]:
    regions = [_field(name, "Float") for name in REGION_NAMES]
    known = {
        "confidence": _field("confidence", "Float", "How sure the parser is of the face, from 0 to 1"),
        "mirror_agreement": _field(
            "mirror_agreement", "Float", "How far the parser says the same of the mirrored face, from 0 to 1"
        ),
        "region_px": _embedded("region_area", _DYNAMIC, regions, "The share of the picture that each region takes"),
        "region_confidence": _embedded(
            "region_confidence", _DYNAMIC, regions, "How sure the parser is of each region, from 0 to 1"
        ),
    }
    return [known[name] for name in columns]


def _field(
    name: str, kind: str, description: str | None = None, *, read_only: bool = False, **more: Any
) -> dict[str, Any]:
    return {
        "name": name,
        "ftype": f"{_FIELDS}{kind}Field",
        "embedded_doc_type": None,
        "subfield": None,
        "fields": [],
        "db_field": "_id" if name == "id" else name,
        "description": description,
        "info": None,
        "read_only": read_only,
        **more,
    }


def _id(name: str) -> dict[str, Any]:
    return _field(name, "ObjectId")


def _list(name: str, description: str | None = None) -> dict[str, Any]:
    return _field(name, "List", description, subfield=f"{_FIELDS}StringField")


def _embedded(name: str, kind: str, fields: list[dict[str, Any]], description: str | None = None) -> dict[str, Any]:
    return _field(name, "EmbeddedDocument", description, embedded_doc_type=kind, fields=fields)

"""A store's Croissant 1.0 description: what lies where, for machines that look for data sets.

Croissant cannot read pixels out of Zarr. So its records are the manifest's, one a face, and the arrays are described as
sets of files (https://docs.mlcommons.org/croissant/docs/croissant-spec.html).

Why not mlcroissant, which checks it in the tests: it would bring rdflib, networkx and scipy to every build, and another
release of it might write other bytes.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from faceshards.build.texts import ARRAYS
from faceshards.counted import counted
from faceshards.regions import REGION_NAMES
from faceshards.store.description import title_of
from faceshards.store.licence import licence_url
from faceshards.store.schema import MANIFEST

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataBiases": "cr:dataBiases",
    "dataCollection": "cr:dataCollection",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "personalSensitiveInformation": "cr:personalSensitiveInformation",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context of the specification, which readers compare with."""

_COLUMNS = {
    "sample_id": ("sc:Text", "Name of the face, unique in the data set."),
    "split": ("sc:Text", "Split that the face is in."),
    "row": ("sc:Integer", "Row of the face in each array of its split."),
    "identity": ("sc:Integer", "Class id of the person; -1 where the person is not known."),
    "identity_name": ("sc:Text", "Name of the person; empty where the source has none."),
    "status": ("sc:Text", "ok, or skipped for a face that dropped out and is in no array."),
    "reason": ("sc:Text", "Why the face dropped out, or a remark on it."),
}
"""Of the manifest: data type and meaning."""


def croissant(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of ``croissant.json``, from that of `dataset.json`."""
    about = content["about"]
    url = licence_url(content["licence"])
    optional = {"url": about.get("homepage"), "version": about.get("version"), "citeAs": about.get("citation")}
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": content["name"],
        "alternateName": title_of(content),
        "description": about.get("description")
        or f"{counted(content['samples'], 'aligned face')} with {len(REGION_NAMES)} semantic regions each.",
        "license": url or content["licence"],
        **{name: value for name, value in optional.items() if value is not None},
        "distribution": [_manifest(content), *_arrays(content)],
        "recordSet": [_splits(content), _regions(), _faces()],
    }


def _manifest(content: Mapping[str, Any]) -> dict[str, Any]:
    file = content["files"][MANIFEST]
    return {
        "@type": "cr:FileObject",
        "@id": "manifest",
        "name": MANIFEST,
        "description": "One row a face, also of those that dropped out.",
        "contentUrl": MANIFEST,
        "contentSize": f"{file['bytes']} B",
        "encodingFormat": "application/x-parquet",
        "sha256": file["sha256"],
    }


def _arrays(content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for split in content["splits"]:
        for name, array in content["arrays"].items():
            shape = ", ".join(["rows", *map(str, array["shape"])])
            yield {
                "@type": "cr:FileSet",
                "@id": f"{split}-{name}",
                "name": f"{split}-{name}",
                "description": f"{ARRAYS[name]} A Zarr v3 array ({shape}) of {array['dtype']}.",
                "includes": f"{split}.zarr/{name}/**",
                "encodingFormat": "application/vnd.zarr",
            }


def _splits(content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **_record_set("splits", "The splits; a person is in one only.", "name"),
        "dataType": "cr:Split",
        "field": [_field("splits/name", "sc:Text", "Name of the split.")],
        "data": [{"splits/name": split} for split in content["splits"]],
    }


def _regions() -> dict[str, Any]:
    return {
        **_record_set("regions", "What the numbers in the region maps stand for.", "id"),
        "field": [
            _field("regions/id", "sc:Integer", "Number of the region."),
            _field("regions/name", "sc:Text", "Name of the region."),
        ],
        "data": [{"regions/id": number, "regions/name": name} for number, name in enumerate(REGION_NAMES)],
    }


def _faces() -> dict[str, Any]:
    fields = [
        {
            **_field(f"faces/{name}", data_type, meaning),
            "source": {"fileObject": {"@id": "manifest"}, "extract": {"column": name}},
            **({"references": {"field": {"@id": "splits/name"}}} if name == "split" else {}),
        }
        for name, (data_type, meaning) in _COLUMNS.items()
    ]
    said = "The manifest's rows. Row r of a split is row r of each of the split's arrays."
    return {**_record_set("faces", said, "sample_id"), "field": fields}


def _record_set(name: str, description: str, key: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "key": {"@id": f"{name}/{key}"},
    }


def _field(name: str, data_type: str, description: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": name,
        "name": name.partition("/")[2],
        "description": description,
        "dataType": data_type,
    }

"""The texts that go with a data set: a card for people and Croissant JSON-LD for machines."""

import json
from collections.abc import Mapping
from typing import Any

from faceshards.regions import REGION_NAMES

_FIELDS = {
    "image": ("sc:ImageObject", "Aligned face, RGB, 112x112, uint8."),
    "region": ("sc:ImageObject", "Region id of each pixel, 0 to 24; 255 where none applies."),
    "variant": ("sc:ImageObject", "The face with random regions erased, one picture a variant."),
    "usable": ("sc:Boolean", "Whether the row holds a face; the others are holes."),
    "erased": ("sc:Integer", "For each variant, a bit mask of the region ids erased in it."),
    "identity": ("sc:Integer", "Class id of the person; -1 where it is not known."),
}

_ORDERS = {"shuffled": "random, by seed and sample id", "source": "the source's"}


def documents(content: Mapping[str, Any]) -> dict[str, str]:
    """The files `README.md` and `croissant.json` of a store, from the content of its `dataset.json`."""
    return {"README.md": _card(content), "croissant.json": json.dumps(_croissant(content), indent=2) + "\n"}


def _card(content: Mapping[str, Any]) -> str:
    erase = content["provenance"]["erase"]
    parse = content["provenance"]["parse"]
    variants = f" and {erase['variants']} erased variants each" if erase["variants"] else ""
    view = "variants" if erase["variants"] else "erase" if erase["images"] else "original"
    low, high = erase["n_regions"]
    erasing = (
        f" Variants: seed {erase['seed']},\n{low} to {high} regions each, fill `{erase['fill']}`." if variants else ""
    )
    splits = "\n".join(
        f"| {name} | {split['samples']} | {split['shards']} |" for name, split in content["splits"].items()
    )
    arrays = "\n".join(
        f"| `{name}` | ({', '.join(['N', *map(str, array['shape'])])}) {array['dtype']} | {_FIELDS[name][1]} |"
        for name, array in content["arrays"].items()
    )
    return f"""# {content["name"]}

Aligned faces with {len(REGION_NAMES)} semantic regions{variants}, made by faceshards
{content["provenance"]["versions"]["faceshards"]} for training face recognition with Face Semantic Erasing
(Kawai et al., IET Biometrics 2024).

Licence of the images: {content["licence"]}

| split | faces | shards |
| --- | --- | --- |
{splits}

{content["skipped"]} faces of the source dropped out; `manifest.parquet` names each with its reason.

| array | shape | what |
| --- | --- | --- |
{arrays}

Read it:

```python
import faceshards

faces = faceshards.open("path/to/this/folder", split="{next(iter(content["splits"]))}")
for batch in faces.batches(128, shuffle=True, seed=0, epoch=0, view="{view}"):
    batch["{"image" if erase["images"] else "region"}"], batch["label"]
```

Each `<split>.zarr` is a plain Zarr v3 group that any Zarr reader opens. `faceshards verify` re-hashes and re-reads all.

Regions: the parser with weights `{parse["weights_sha256"][:12]}` on {parse["device"]}.{erasing}
Order of the faces in a split: {_ORDERS[content["provenance"]["plan"]["order"]]}.
`dataset.json` holds all of it.
"""


def _croissant(content: Mapping[str, Any]) -> dict[str, Any]:
    files = content["files"]["manifest.parquet"]
    return {
        "@context": {
            "@language": "en",
            "@vocab": "https://schema.org/",
            "sc": "https://schema.org/",
            "cr": "http://mlcommons.org/croissant/",
            "dct": "http://purl.org/dc/terms/",
            "conformsTo": "dct:conformsTo",
            "recordSet": "cr:recordSet",
            "field": "cr:field",
            "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
            "source": "cr:source",
            "extract": "cr:extract",
            "fileObject": "cr:fileObject",
            "fileSet": "cr:fileSet",
            "includes": "cr:includes",
            "column": "cr:column",
        },
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": content["name"],
        "description": f"{content['samples']} aligned faces with 25 semantic regions and erased variants.",
        "license": content["licence"],
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": "manifest",
                "name": "manifest.parquet",
                "contentUrl": "manifest.parquet",
                "encodingFormat": "application/x-parquet",
                "sha256": files["sha256"],
            },
            {"@type": "cr:FileSet", "@id": "arrays", "includes": "*.zarr/**", "encodingFormat": "application/vnd+zarr"},
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "samples",
                "field": [
                    _column("sample_id", "sc:Text"),
                    _column("identity", "sc:Integer"),
                    _column("split", "sc:Text"),
                    _column("status", "sc:Text"),
                ],
            },
            {
                "@type": "cr:RecordSet",
                "@id": "faces",
                "field": [
                    {
                        "@type": "cr:Field",
                        "@id": f"faces/{name}",
                        "description": _FIELDS[name][1],
                        "dataType": _FIELDS[name][0],
                        "source": {"fileSet": {"@id": "arrays"}, "extract": {"fileProperty": "content"}},
                    }
                    for name in content["arrays"]
                ],
            },
        ],
    }


def _column(name: str, data_type: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"samples/{name}",
        "dataType": data_type,
        "source": {"fileObject": {"@id": "manifest"}, "extract": {"column": name}},
    }

"""The texts that go with a data set: a card for people and Croissant JSON-LD for machines.

Why no library: the card has no front matter, and its sentences follow from `dataset.json`.
"""

import json
from collections.abc import Mapping
from typing import Any

from faceshards.build.croissant import croissant
from faceshards.build.texts import ARRAYS
from faceshards.counted import counted
from faceshards.regions import REGION_NAMES
from faceshards.store.description import title_of

_ORDERS = {"shuffled": "random, by seed and sample id", "source": "the source's"}


def documents(content: Mapping[str, Any]) -> dict[str, str]:
    """The files `README.md` and `croissant.json` of a store, from the content of its `dataset.json`."""
    return {"README.md": _card(content), "croissant.json": json.dumps(croissant(content), indent=2) + "\n"}


def _card(content: Mapping[str, Any]) -> str:
    erase = content["provenance"]["erase"]
    parse = content["provenance"]["parse"]
    variants = f" and {counted(erase['variants'], 'erased variant')} each" if erase["variants"] else ""
    view = "variants" if erase["variants"] else "erase" if erase["images"] else "original"
    truth = "the source's own, and where it has none those of " if erase["regions"] == "truth" else ""
    low, high = erase["n_regions"]
    erasing = (
        f" Variants: seed {erase['seed']},\n{low} to {counted(high, 'region')} each, fill `{erase['fill']}`."
        if variants
        else ""
    )
    splits = "\n".join(
        f"| {name} | {split['samples']} | {split['shards']} |" for name, split in content["splits"].items()
    )
    arrays = "\n".join(
        f"| `{name}` | ({', '.join(['N', *map(str, array['shape'])])}) {array['dtype']} | {ARRAYS[name]} |"
        for name, array in content["arrays"].items()
    )
    dropped = counted(content["skipped"], "face")
    about = content["about"]
    said = f"{about['description']}\n\n" if "description" in about else ""
    kept = {"Version": about.get("version"), "Homepage": about.get("homepage"), "Cite as": about.get("citation")}
    lines = "".join(f"\n\n{what}: {value}" for what, value in kept.items() if value is not None)
    return f"""# {title_of(content)}

{said}Aligned faces with {len(REGION_NAMES)} semantic regions{variants}, made by faceshards
{content["provenance"]["versions"]["faceshards"]} for training face recognition with Face Semantic Erasing
(Kawai et al., IET Biometrics 2024).

Licence of the images: {content["licence"]}{lines}

| split | faces | shards |
| --- | --- | --- |
{splits}

{dropped} of the source dropped out; `manifest.parquet` names each with its reason.

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

Regions: {truth}the parser with weights `{parse["weights_sha256"][:12]}` on {parse["device"]}.{_terms(parse)}{erasing}
Order of the faces in a split: {_ORDERS[content["provenance"]["plan"]["order"]]}.
`dataset.json` holds all of it.
"""


def _terms(parse: Mapping[str, str]) -> str:
    """Where a published parser comes from, the licence of the weights, and what their `confidence` is, as sentences."""
    origin = f" from {parse['weights_from']}" if "weights_from" in parse else ""
    licence = parse.get("weights_licence", "a licence that is not stated").rstrip(".")
    licence = "a licence that is not stated" if licence == "not stated" else licence
    told = f"\nThese weights are{origin} under {licence}."
    if parse["temperature"] == "not calibrated":
        told += (
            "\nNobody has calibrated them: `confidence` compares faces, and is not the share of pixels that are right."
        )
    return told

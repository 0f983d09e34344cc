"""The numbers of a store, from its manifest alone."""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from faceshards.regions import N_REGIONS, REGION_NAMES
from faceshards.store.reader import Store
from faceshards.store.schema import NO_IDENTITY, OK

_QUANTILES = {"least": 0.0, "5%": 0.05, "25%": 0.25, "median": 0.5, "75%": 0.75, "95%": 0.95, "greatest": 1.0}


def statistics_of(store: Store) -> dict[str, Any]:
    """Count and average over the usable faces of a store; no picture is read.

    Returns:
        JSON values. ``faces`` and ``skipped``. ``splits``: by name, ``faces`` and ``people``. ``people``: their
        ``count``, faces of no known person as ``unknown``, and quantiles of ``faces_each``. ``reasons``: faces that
        dropped out, by reason, the most frequent first. ``confidence``: quantiles from 0 to 1, of the faces that
        have one; empty where no parser ran. ``regions``: by name, mean ``area`` as a share of the face's pixels, share
        of the faces in which it is ``present``, and mean ``confidence`` where present; empty where the store has none.

    Raises:
        StoreFormatError, MissingShardError, CorruptShardError: the manifest is damaged.

    Example:
        >>> statistics_of(open_store("data/shards"))["splits"]["train"]["faces"]
        76
    """
    manifest = store.manifest
    usable = manifest.filter(pc.equal(manifest["status"], OK))
    skipped = manifest.filter(pc.not_equal(manifest["status"], OK))
    reasons: Counter[str] = Counter()
    for of in pc.value_counts(skipped["reason"]).to_pylist():
        reasons[of["values"] or "unknown"] += of["counts"]
    return {
        "faces": usable.num_rows,
        "skipped": skipped.num_rows,
        "splits": {split: _split(usable.filter(pc.equal(usable["split"], split))) for split in store.splits},
        "people": _people(usable),
        "reasons": dict(sorted(reasons.items(), key=lambda of: (-of[1], of[0]))),
        "confidence": _confidence(usable),
        "regions": _regions(usable, store),
    }


def _split(rows: pa.Table) -> dict[str, int]:
    known = pc.not_equal(rows["identity"], NO_IDENTITY)
    return {"faces": rows.num_rows, "people": len(pc.unique(rows["identity"].filter(known)))}


def _people(usable: pa.Table) -> dict[str, Any]:
    identity = usable["identity"].to_numpy()
    _, faces = np.unique(identity[identity != NO_IDENTITY], return_counts=True)
    each = _quantiles(faces) if len(faces) else {}
    return {"count": len(faces), "unknown": int((identity == NO_IDENTITY).sum()), "faces_each": each}


def _quantiles(values: NDArray[Any]) -> dict[str, float]:
    found = np.quantile(values.astype(np.float64), list(_QUANTILES.values()))
    return {name: round(float(value), 4) for name, value in zip(_QUANTILES, found, strict=True)}


def _confidence(usable: pa.Table) -> dict[str, float]:
    if "confidence" not in usable.column_names:
        return {}
    values = usable["confidence"].drop_null().to_numpy()
    return _quantiles(values) if len(values) else {}


def _regions(usable: pa.Table, store: Store) -> dict[str, dict[str, float]]:
    if "region_px" not in usable.column_names or "region" not in store.arrays or not usable.num_rows:
        return {}
    pixels = _of_25(usable["region_px"])
    height, width = store.arrays["region"].shape
    area, present = pixels.mean(axis=0) / (height * width), (pixels > 0).mean(axis=0)
    found = {
        name: {"area": round(float(area[i]), 6), "present": round(float(present[i]), 6)}
        for i, name in enumerate(REGION_NAMES)
    }
    if "region_confidence" in usable.column_names:
        sure = _of_25(usable["region_confidence"])
        for i, name in enumerate(REGION_NAMES):
            known = sure[:, i][~np.isnan(sure[:, i])]
            if len(known):
                found[name]["confidence"] = round(float(known.mean()), 4)
    return found


def _of_25(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """(n, 25); NaN where there is no value."""
    flat = column.combine_chunks().flatten().cast(pa.float64())
    return np.asarray(flat.to_numpy(zero_copy_only=False), np.float64).reshape(-1, N_REGIONS)

"""What must hold between a store's arrays and its manifest. Pure checks: each yields sentences about what does not."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from faceshards.maps import region_areas
from faceshards.regions import IGNORE, N_REGIONS
from faceshards.store.schema import NO_IDENTITY, NO_ROW, OK


def manifest_problems(manifest: pa.Table, splits: Mapping[str, int], shard_rows: int) -> Iterator[str]:
    """Check the manifest by itself, and that the rows of every split and those of the manifest pair up one to one."""
    for column in ("source_index", "sample_id"):
        if pc.count_distinct(manifest[column], mode="all").as_py() != manifest.num_rows:
            yield f"{column} is not unique"
    if strangers := set(manifest["split"].unique().to_pylist()) - {*splits, None}:
        yield f"splits that dataset.json does not know: {sorted(strangers)}"
    ids = np.asarray(manifest["sample_id"].to_pylist(), dtype=object)
    row, shard, identity = (manifest[name].to_numpy() for name in ("row", "shard", "identity"))
    split = np.asarray(manifest["split"].to_pylist(), dtype=object)
    ok = pc.equal(manifest["status"], OK).to_numpy()
    homeless = pc.is_null(manifest["split"]).to_numpy()
    checks = {
        "identity below -1": identity < NO_IDENTITY,
        "status ok, but in no split": homeless & ok,
        "in no split, but with a row or shard": homeless & ((row != NO_ROW) | (shard != NO_ROW)),
        "in a shard that does not hold its row": ~homeless & (shard != row // shard_rows),
    }
    for what, wrong in checks.items():
        yield from _named(what, ids, wrong)
    for name, rows in splits.items():
        found = np.sort(row[split == name])
        if not np.array_equal(found, np.arange(rows)):
            absent = np.setdiff1d(np.arange(rows), found)
            extra = found.size - np.intersect1d(np.unique(found), np.arange(rows)).size
            yield (
                f"split {name!r} has rows 0..{rows - 1}: {absent.size} of them have no manifest row "
                f"(first: {absent[:5].tolist()}), {extra} manifest rows are surplus"
            )


def block_problems(arrays: Mapping[str, NDArray[Any]], rows: pa.Table) -> Iterator[str]:
    """Check n rows of a split's arrays against the n manifest rows that belong to them, in the same order.

    Args:
        arrays: those that could be read, by name.
        rows: of the manifest.
    """
    ids = np.asarray(rows["sample_id"].to_pylist(), dtype=object)
    if "identity" in arrays:
        yield from _named(
            "identity differs from the manifest's", ids, arrays["identity"] != rows["identity"].to_numpy()
        )
    if "region" in arrays:
        region = arrays["region"]
        yield from _named("region ids other than 0-24 and 255", ids, _any((region >= N_REGIONS) & (region != IGNORE)))
        if "region_px" in rows.column_names:
            yield from _named(
                "region_px is not what the map holds", ids, _differs(rows, "region_px", region_areas(region))
            )
    if "erased" in arrays:
        erased = arrays["erased"]
        yield from _named("erased masks with bits beyond the 25 regions", ids, _any(erased >> N_REGIONS != 0))
        if "erased" in rows.column_names:
            yield from _named("erased differs from the manifest's", ids, _differs(rows, "erased", erased))


def _named(what: str, ids: NDArray[np.object_], wrong: NDArray[np.bool_]) -> Iterator[str]:
    if wrong.any():
        yield f"{what}: {int(wrong.sum())} samples (first: {', '.join(map(str, ids[wrong][:5]))})"


def _any(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(values.reshape(len(values), -1).any(axis=1))


def _differs(rows: pa.Table, column: str, expected: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a list column, unless null, holds other numbers than `expected`."""
    found = rows[column].to_pylist()
    pairs = zip(found, expected.tolist(), strict=True)
    return np.array([have is not None and have != want for have, want in pairs], bool)

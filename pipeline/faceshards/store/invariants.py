"""What must hold between a store's arrays and its manifest. Pure checks: each yields sentences about what does not."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from faceshards.maps import region_areas
from faceshards.regions import IGNORE, N_REGIONS
from faceshards.store.classes import are_strange
from faceshards.store.schema import OK, USABLE, SplitSpec


def manifest_problems(manifest: pa.Table, splits: Mapping[str, SplitSpec], shard_rows: int) -> Iterator[str]:
    """Check the manifest by itself: every sample has a row of its own, in the order of splits and rows.

    Args:
        manifest: all of it.
        splits: name to extent.
        shard_rows: rows of a shard.
    """
    if pc.count_distinct(manifest["sample_id"], mode="all").as_py() != manifest.num_rows:
        yield "sample_id is not unique"
    if strangers := set(manifest["split"].unique().to_pylist()) - {*splits}:
        yield f"splits that dataset.json does not know: {sorted(map(str, strangers))}"
    ids = np.asarray(manifest["sample_id"].to_pylist(), dtype=object)
    row, shard, identity = (manifest[name].to_numpy() for name in ("row", "shard", "identity"))
    split = np.asarray(manifest["split"].to_pylist(), dtype=object)
    number = np.zeros(manifest.num_rows, np.int64)
    strange = np.zeros(manifest.num_rows, bool)
    beyond = row < 0
    for i, (name, extent) in enumerate(splits.items()):
        here = split == name
        number[here] = i
        beyond |= here & (row >= extent.rows)
        strange |= here & are_strange(identity, extent.classes)
    place = np.stack([number, row])
    checks = {
        "class id beyond those of its split": strange,
        "row beyond those of its split": beyond,
        "in a shard that does not hold its row": shard != row // shard_rows,
        "in the row of another": np.append(False, (place[:, 1:] == place[:, :-1]).all(axis=0)),
    }
    for what, wrong in checks.items():
        yield from _named(what, ids, wrong)
    if not np.array_equal(np.lexsort((row, number)), np.arange(manifest.num_rows)):
        yield "not in the order of splits and rows"


def block_problems(arrays: Mapping[str, NDArray[Any]], rows: pa.Table, at: NDArray[np.int64]) -> Iterator[str]:
    """Check rows of a split's arrays against the manifest rows that belong to them.

    Args:
        arrays: those that could be read, by name: n rows of each.
        rows: of the manifest: m samples, in the order of their rows.
        at: (m,) which of the n rows each sample has.
    """
    if USABLE.name in arrays:
        expected = np.zeros(len(arrays[USABLE.name]), bool)
        expected[at] = pc.equal(rows["status"], OK).to_numpy(zero_copy_only=False)
        if wrong := np.flatnonzero(arrays[USABLE.name] != expected).size:
            yield f"usable is not what the manifest says: {wrong} rows"
    arrays = {name: values[at] for name, values in arrays.items()}
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
    return np.asarray(values.any(axis=tuple(range(1, values.ndim))))


def _differs(rows: pa.Table, column: str, expected: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a list column, unless null, holds other numbers than `expected`."""
    found = rows[column].to_pylist()
    pairs = zip(found, expected.tolist(), strict=True)
    return np.array([have is not None and have != want for have, want in pairs], bool)

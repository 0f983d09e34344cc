"""What must hold between a store's arrays and its manifest. Pure checks: each yields sentences about what does not."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from faceshards.counted import counted
from faceshards.maps import region_areas
from faceshards.regions import IGNORE, N_REGIONS
from faceshards.store.classes import are_strange
from faceshards.store.samenames import repeated_name
from faceshards.store.schema import OK, USABLE, SplitSpec

_SHOWN = 5
_SHARES = ("confidence", "mirror_agreement", "region_confidence")


def manifest_problems(parts: Iterable[pa.Table], splits: Mapping[str, SplitSpec]) -> Iterator[str]:
    """Check what the rows of a manifest say together; where each of them lies, `ManifestFile` has seen to.

    Args:
        parts: its rows, in their order, with all columns. Only one part is kept in memory.
        splits: name to extent.
    """
    wrong = _Wrong()
    for part in parts:
        ids = np.asarray(part["sample_id"].to_pylist(), dtype=object)
        identity, split = part["identity"].to_numpy(), np.asarray(part["split"].to_pylist(), dtype=object)
        for name, extent in splits.items():
            strange = (split == name) & are_strange(identity, extent.classes)
            wrong.add("class id beyond those of its split", ids, strange)
        for name in _SHARES:
            if name in part.column_names:
                wrong.add(f"{name} that is no number from 0 to 1", ids, _beyond_shares(part[name].combine_chunks()))
    yield from wrong.sentences()


def name_problems(names: Callable[[], Iterable[list[str]]], count: int) -> Iterator[str]:
    """Check that no two samples have one id.

    Args:
        names: gives the ids, part by part, whenever it is called.
        count: how many they are.
    """
    if (name := repeated_name(names, count)) is not None:
        yield f"sample_id is not unique: {name} is there twice"


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
            yield f"usable is not what the manifest says: {counted(wrong, 'row')}"
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


class _Wrong:
    """Samples of which something does not hold: how many, and the first of them."""

    def __init__(self) -> None:
        self._count: Counter[str] = Counter()
        self._first: dict[str, list[str]] = {}

    def add(self, what: str, ids: NDArray[np.object_], wrong: NDArray[np.bool_]) -> None:
        self._count[what] += int(wrong.sum())
        first = self._first.setdefault(what, [])
        first += map(str, ids[wrong][: _SHOWN - len(first)])

    def sentences(self) -> Iterator[str]:
        for what, count in self._count.items():
            if count:
                yield f"{what}: {counted(count, 'sample')} (first: {', '.join(self._first[what])})"


def _named(what: str, ids: NDArray[np.object_], wrong: NDArray[np.bool_]) -> Iterator[str]:
    found = _Wrong()
    found.add(what, ids, wrong)
    yield from found.sentences()


def _beyond_shares(column: pa.Array) -> NDArray[np.bool_]:
    """Where a column, or a list in it, has a value that is neither null nor from 0 to 1, as NaN is."""
    beyond = np.zeros(len(column), bool)
    listed = pa.types.is_fixed_size_list(column.type)
    values = pc.list_flatten(column) if listed else column
    odd = pc.invert(pc.and_(pc.greater_equal(values, 0), pc.less_equal(values, 1))).fill_null(False)
    at = np.flatnonzero(odd.to_numpy(zero_copy_only=False))
    beyond[pc.list_parent_indices(column).to_numpy()[at] if listed else at] = True
    return beyond


def _any(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(values.any(axis=tuple(range(1, values.ndim))))


def _differs(rows: pa.Table, column: str, expected: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a list column, unless null, holds other numbers than `expected`."""
    found = rows[column].to_pylist()
    pairs = zip(found, expected.tolist(), strict=True)
    return np.array([have is not None and have != want for have, want in pairs], bool)

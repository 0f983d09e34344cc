"""The version that a plan continues: where its faces and people stand, read from its manifest."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceshards.build.facelist import NOBODY, encoded, joined
from faceshards.build.nameindex import NameIndex
from faceshards.counted import counted
from faceshards.errors import ParamsError
from faceshards.faulttext import is_shortage
from faceshards.store.schema import NO_IDENTITY, PLAN_KEY, SplitSpec
from faceshards.store.tables import TableFile

_COLUMNS = ("sample_id", "identity", "identity_name", "split", "row")


@dataclass(frozen=True)
class Earlier:
    """Where N faces of P people stand; without arguments nobody stands anywhere.

    Attributes:
        splits: all that the version has, in its order.
        index: of the N sample ids.
        split: (N,) place in `splits` of each face's.
        row: (N,) int32, within the split.
        person: (N,) int32, place in `people`; `NOBODY` for a face without a name.
        people: (P,) large string.
        class_id: (P,) int64.
        home: (P,) place in `splits` of each person's.
        names_key: the mark of the key that made numbers of its names; None where it has names.
    """

    splits: Mapping[str, SplitSpec] = field(default_factory=dict)
    index: NameIndex = field(default_factory=lambda: NameIndex(pa.array([], pa.large_string()), 0))
    split: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    row: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    person: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    people: pa.LargeStringArray = field(default_factory=lambda: pa.array([], pa.large_string()))
    class_id: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    home: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    names_key: str | None = None

    def __len__(self) -> int:
        return len(self.row)


class _Inconsistent(ValueError):
    """What is wrong with a manifest."""


def read_earlier(path: Path, seed: int) -> Earlier:
    """Read the manifest of an earlier version.

    Args:
        path: ``manifest.parquet`` of a finished store.
        seed: of the index of its sample ids.

    Raises:
        ParamsError: it is none, it does not say how to continue it, or it contradicts itself.
    """
    try:
        return _read(path, seed)
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError, OverflowError) as error:
        if is_shortage(error):
            raise
        raise ParamsError(
            f"plan.earlier: {path}: expected the manifest of an earlier version; {error}; take manifest.parquet of a "
            "finished store, or set plan.earlier to null to plan anew"
        ) from error


def _read(path: Path, seed: int) -> Earlier:
    file = TableFile(path, str(path))
    splits, names_key = _said((file.schema.metadata or {}).get(PLAN_KEY))
    missing = sorted(set(_COLUMNS) - set(file.schema.names))
    if missing:
        raise _Inconsistent(f"found none of its columns {', '.join(missing)}")
    groups = [file.read(number, _COLUMNS) for number in range(file.metadata.num_row_groups)]
    if not groups:
        raise _Inconsistent("found no faces")
    table = pa.concat_tables([_with_ids(file, group) for group in groups])
    del groups
    for name in _COLUMNS:
        if name != "identity_name" and table[name].null_count:
            raise _Inconsistent(f"found {counted(table[name].null_count, 'face')} without {name}")
    code, names = encoded(table["split"])
    for name in names.to_pylist():
        if name not in splits:
            raise _Inconsistent(f"found faces in split {name}, of which its schema says nothing")
    places = np.array([list(splits).index(name) for name in names.to_pylist()], np.int32)
    person, people = encoded(table["identity_name"])
    identity = table["identity"].to_numpy().astype(np.int64, copy=False)
    split = places[code] if len(places) else code
    class_id, home = (_of_person(what, values, person, people) for what, values in (("id", identity), ("split", split)))
    row = table["row"].cast(pa.int32()).to_numpy()
    sample_id = joined(table["sample_id"].cast(pa.large_string()))
    del table
    pa.default_memory_pool().release_unused()
    earlier = Earlier(
        splits,
        NameIndex(sample_id, seed),
        split,
        row,
        person,
        people,
        class_id,
        home.astype(np.int32),
        names_key,
    )
    if (twice := earlier.index.repeated()) is not None:
        raise _Inconsistent(f"found sample {sample_id[twice[0]]} twice")
    _check_rows(earlier)
    _check_classes(earlier, identity)
    return earlier


def _with_ids(file: TableFile, group: pa.Table) -> pa.Table:
    """Rows of a manifest: sample ids as they are, and the rest as dictionaries, for a person has many faces."""
    ids = file.plain(group.select(["sample_id"]))
    return group.set_column(group.column_names.index("sample_id"), ids.schema.field(0), ids.column(0))


def _said(said: bytes | None) -> tuple[dict[str, SplitSpec], str | None]:
    """The splits of a version, and the mark of the key of its names."""
    if said is None:
        raise _Inconsistent(f"its schema has no {PLAN_KEY.decode()}, which says how to continue it")
    try:
        told = json.loads(said)
        splits = {
            str(name): SplitSpec(int(of["rows"]), tuple((int(start), int(stop)) for start, stop in of["classes"]))
            for name, of in told["splits"].items()
        }
        names_key = told.get("names_key")
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise _Inconsistent(f"{PLAN_KEY.decode()} of its schema does not read ({error!r})") from error
    ranges = sorted(classes for of in splits.values() for classes in of.classes)
    if any(start < 0 or stop < start for start, stop in ranges) or any(b[0] < a[1] for a, b in pairwise(ranges)):
        raise _Inconsistent("found class ids that belong to two splits")
    return splits, None if names_key is None else str(names_key)


def _of_person(
    what: str, values: NDArray[np.integer], person: NDArray[np.int32], people: pa.LargeStringArray
) -> NDArray[np.int64]:
    """The one value that all faces of a person have."""
    named = person != NOBODY
    of = np.empty(len(people), np.int64)
    of[person[named]] = values[named]
    other = np.flatnonzero(of[person[named]] != values[named])
    if len(other):
        where = person[named][other[0]]
        raise _Inconsistent(f"found {people[int(where)]} under {what} {of[where]} and {values[named][other[0]]}")
    return of


def _check_rows(earlier: Earlier) -> None:
    for place, (name, of) in enumerate(earlier.splits.items()):
        rows = np.sort(earlier.row[earlier.split == place])
        if len(rows) and (rows[0] < 0 or rows[-1] >= of.rows):
            raise _Inconsistent(f"found rows {rows[0]} to {rows[-1]} in split {name} of {counted(of.rows, 'row')}")
        twice = np.flatnonzero(rows[1:] == rows[:-1])
        if len(twice):
            raise _Inconsistent(f"found two faces in row {rows[twice[0]]} of split {name}")


def _check_classes(earlier: Earlier, identity: NDArray[np.int64]) -> None:
    odd = np.flatnonzero((identity == NO_IDENTITY) != (earlier.person == NOBODY))
    if len(odd):
        raise _Inconsistent(
            f"found a face in row {earlier.row[odd[0]]} with class id {identity[odd[0]]} and "
            + ("no name" if earlier.person[odd[0]] == NOBODY else "a name")
        )
    order = np.argsort(earlier.class_id, kind="stable")
    twice = np.flatnonzero(np.diff(earlier.class_id[order]) == 0)
    if len(twice):
        one, other = (earlier.people[int(order[twice[0] + i])] for i in (0, 1))
        raise _Inconsistent(f"found class id {earlier.class_id[order[twice[0]]]} on both {one} and {other}")
    for place, (name, of) in enumerate(earlier.splits.items()):
        here = earlier.home == place
        for start, stop in of.classes:
            here &= (earlier.class_id < start) | (earlier.class_id >= stop)
        if here.any():
            person = int(np.flatnonzero(here)[0])
            raise _Inconsistent(
                f"found {earlier.people[person]} in split {name} with class id {earlier.class_id[person]}, which is "
                "none of the split's"
            )

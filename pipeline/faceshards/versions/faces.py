"""The faces of two manifests, paired by `sample_id`; the order of the rows means nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from faceshards.store.reader import Store
from faceshards.store.schema import NO_IDENTITY, OK
from faceshards.versions.difference import SHOWN, FaceChanges, PeopleChanges, Some

_COLUMNS = ("sample_id", "identity", "identity_name", "split", "row", "status", "reason", "source_sha256")
_TEXT = pa.large_string()  # the type `string` takes up to 2 GiB


class Faces:
    """The rows of one manifest, as far as versions are told apart by them.

    Attributes:
        splits: the names that `split` numbers.
        table: the columns that are compared.
        usable: (N,) bool.
        split: (N,) the split of each row, as a number in `splits`; -1 for none.
        row: (N,) its row in the split.
    """

    def __init__(self, manifest: pa.Table, splits: Sequence[str]) -> None:
        columns = {name: manifest[name] for name in _COLUMNS}
        wide = {n: c.cast(_TEXT) if pa.types.is_string(c.type) else c for n, c in columns.items()}
        self.table = pa.table(wide)
        self.splits = tuple(splits)
        known = pc.index_in(self.table["split"], value_set=pa.array(self.splits, _TEXT))
        self.split: NDArray[np.int32] = pc.fill_null(known, -1).to_numpy()
        self.row: NDArray[np.int32] = self.table["row"].to_numpy()
        ok = pc.equal(self.table["status"], OK).to_numpy(zero_copy_only=False)
        self.usable: NDArray[np.bool_] = ok & (self.split >= 0)

    @cached_property
    def people(self) -> pa.ChunkedArray:
        """(N,) the name of each face's person, or ``class 7`` where it has none; null where nobody is known."""
        identity = self.table["identity"]
        number = pc.binary_join_element_wise(pa.scalar("class", _TEXT), identity.cast(_TEXT), pa.scalar(" ", _TEXT))
        return pc.coalesce(
            self.table["identity_name"],
            pc.if_else(pc.equal(identity, NO_IDENTITY), pa.scalar(None, number.type), number),
        )

    def names(self, rows: NDArray[np.int64], *more: str) -> tuple[str, ...]:
        """The ids of the first few of some rows, and what else a column says of them."""
        shown = self.table.take(rows[:SHOWN]).to_pylist()
        return tuple(" ".join([row["sample_id"], *(f"({row[name]})" for name in more if row[name])]) for row in shown)


@dataclass(frozen=True)
class Pairs:
    """Two manifests and the faces that both have.

    Attributes:
        a, b: the manifests.
        a_rows, b_rows: (n,) where in each of them the faces are that both have, in the order of B's.
    """

    a: Faces
    b: Faces
    a_rows: NDArray[np.int64]
    b_rows: NDArray[np.int64]

    @cached_property
    def usable(self) -> NDArray[np.bool_]:
        """(n,) whether a face is usable in both."""
        return self.a.usable[self.a_rows] & self.b.usable[self.b_rows]

    @cached_property
    def relabelled(self) -> NDArray[np.bool_]:
        """(n,) whether a face is of another person in B."""
        names = [side.table["identity_name"].take(rows) for side, rows in self._sides]
        unknown = pc.and_(*(pc.is_null(name) for name in names)).to_numpy(zero_copy_only=False)
        one_unknown = pc.xor(*(pc.is_null(name) for name in names))
        other = pc.fill_null(pc.not_equal(*names), one_unknown).to_numpy(zero_copy_only=False)
        return np.where(unknown, self._other_number, other)

    @cached_property
    def renumbered(self) -> NDArray[np.bool_]:
        """(n,) whether a face is of the same name, and of another class id in B."""
        return self._other_number & ~self.relabelled

    @cached_property
    def other_source(self) -> NDArray[np.bool_]:
        """(n,) whether the encoded image in the source has other bytes; False where that is not known of both."""
        hashes = [side.table["source_sha256"].take(rows) for side, rows in self._sides]
        other: NDArray[np.bool_] = pc.fill_null(pc.not_equal(*hashes), False).to_numpy(zero_copy_only=False)
        return other

    @cached_property
    def in_place(self) -> NDArray[np.bool_]:
        """(n,) whether a face is in the same split and row of both."""
        same = self.a.row[self.a_rows] == self.b.row[self.b_rows]
        placed: NDArray[np.bool_] = same & (self.a.split[self.a_rows] == self.b.split[self.b_rows])
        return placed

    @property
    def _sides(self) -> tuple[tuple[Faces, NDArray[np.int64]], tuple[Faces, NDArray[np.int64]]]:
        return (self.a, self.a_rows), (self.b, self.b_rows)

    @cached_property
    def _other_number(self) -> NDArray[np.bool_]:
        first, second = (side.table["identity"].to_numpy()[rows] for side, rows in self._sides)
        return np.asarray(first != second)


def pair_faces(a: Store, b: Store) -> Pairs:
    """Pair the faces of two stores by their ids. Raises as `Store.manifest`."""
    return pair_manifests(a.manifest, b.manifest, tuple(dict.fromkeys([*a.splits, *b.splits])))


def pair_manifests(a: pa.Table, b: pa.Table, splits: Sequence[str]) -> Pairs:
    """Pair the faces of two manifests by their ids; `splits` names those of both, in the order to show them in."""
    first, second = Faces(a, splits), Faces(b, splits)
    found = pc.index_in(second.table["sample_id"], value_set=first.table["sample_id"])
    place = pc.fill_null(found, -1).to_numpy().astype(np.int64)
    return Pairs(first, second, place[place >= 0], np.flatnonzero(place >= 0))


def face_changes(pairs: Pairs, other_pixels: NDArray[np.bool_]) -> FaceChanges:
    """Count what happened to the faces.

    Args:
        pairs: of both manifests.
        other_pixels: (n,) of the pairs: whether the aligned images differ.
    """
    a, b, both = pairs.a, pairs.b, pairs.usable
    used_a, used_b = a.usable[pairs.a_rows], b.usable[pairs.b_rows]
    same_split = a.split[pairs.a_rows] == b.split[pairs.b_rows]
    added = np.delete(np.arange(b.table.num_rows), pairs.b_rows)
    removed = np.delete(np.arange(a.table.num_rows), pairs.a_rows)

    def some(which: NDArray[np.bool_], *more: str) -> Some:
        rows = pairs.b_rows[which]
        return Some(rows.size, b.names(rows, *more))

    def became(which: NDArray[np.bool_], *columns: str) -> Some:
        at = np.flatnonzero(which)
        return Some(at.size, _from_to(pairs, at[:SHOWN], columns))

    return FaceChanges(
        a=int(a.usable.sum()),
        b=int(b.usable.sum()),
        both=int(both.sum()),
        added=Some(added.size, b.names(added)),
        added_unusable=int((~b.usable[added]).sum()),
        removed=Some(removed.size, a.names(removed)),
        dropped_out=some(used_a & ~used_b, "reason"),
        usable_again=some(used_b & ~used_a),
        changed=some(both & (other_pixels | pairs.other_source)),
        relabelled=became(both & pairs.relabelled, "identity_name", "identity"),
        renumbered=became(both & pairs.renumbered, "identity"),
        moved=became(both & ~same_split, "split"),
        reordered=int((both & same_split & ~pairs.in_place).sum()),
    )


def people_changes(pairs: Pairs) -> tuple[PeopleChanges, ...]:
    """Count the people with usable faces, split by split."""
    found = []
    for number, split in enumerate(pairs.a.splits):
        a, b = (_people_of(side, number) for side in (pairs.a, pairs.b))
        if len(a) or len(b):
            found.append(PeopleChanges(split, len(a), len(b), _absent(b, a), _absent(a, b)))
    return tuple(found)


def _from_to(pairs: Pairs, at: NDArray[np.int64], columns: Sequence[str]) -> tuple[str, ...]:
    """Such as ``"f-7 (train -> val)"``, by the first of the columns that differs."""
    shown = []
    before = pairs.a.table.take(pairs.a_rows[at]).to_pylist()
    after = pairs.b.table.take(pairs.b_rows[at]).to_pylist()
    for old, new in zip(before, after, strict=True):
        column = next(name for name in columns if old[name] != new[name])
        shown.append(f"{new['sample_id']} ({old[column]} -> {new[column]})")
    return tuple(shown)


def _people_of(faces: Faces, split: int) -> pa.Array:
    people = faces.people.filter(pa.array(faces.usable & (faces.split == split)))
    return pc.drop_null(pc.unique(people))


def _absent(people: pa.Array, there: pa.Array) -> Some:
    """Those of some people who are not among others."""
    gone = people.filter(pc.invert(pc.is_in(people, value_set=there)))
    return Some(len(gone), tuple(gone.slice(0, SHOWN).to_pylist()))

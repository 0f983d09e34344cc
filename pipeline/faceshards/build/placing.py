"""Which split and row a face gets, and the class id of its person: drawn by hash, behind what stands already."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from faceshards import rng
from faceshards.build.earlier import Earlier
from faceshards.build.facelist import NOBODY, FaceList, batches, drawn
from faceshards.build.nameindex import NOWHERE, NameIndex
from faceshards.build.numbering import keeps_numbers, own_numbers
from faceshards.build.params import PlanParams
from faceshards.build.planfile import SCHEMA
from faceshards.store.schema import NO_IDENTITY, SplitSpec

_T = TypeVar("_T", bound=np.generic)

NO_PLACE = -1
_NEW_PERSON = -2


@dataclass(frozen=True)
class Placement:
    """Where N faces of P people stand.

    Attributes:
        splits: all of the params, in their order; some may have no rows.
        split: (N,) int32, place in `splits`; `NO_PLACE` for a face that was left out.
        row: (N,) int64, within the split; `NO_PLACE` for a face that was left out.
        class_id: (P,) int64; `NO_IDENTITY` for a person who has no face in the plan.
        kept: how many faces stand where they stood in the earlier version.
        relabelled: how many of its faces are another person's now, and so have another place.
        gone: how many of its faces have no place now.
        renumbered: the source numbers its people, and some have another class id than their number.
    """

    splits: dict[str, SplitSpec]
    split: NDArray[np.int32]
    row: NDArray[np.int64]
    class_id: NDArray[np.int64]
    kept: int
    relabelled: int
    gone: int
    renumbered: bool

    def batches(self, faces: FaceList, split: str) -> Iterator[pa.RecordBatch]:
        """The faces of a split in order of their rows, as `planfile.SCHEMA`."""
        members = np.flatnonzero(self.split == list(self.splits).index(split))
        in_row = np.full(self.splits[split].rows, NOWHERE, np.int64)
        in_row[self.row[members]] = members
        members = in_row[in_row != NOWHERE]
        class_id = _with_nobody(self.class_id, NO_IDENTITY)
        for batch in batches(len(members)):
            index = members[batch.start : batch.stop]
            person = faces.person[index]
            columns = [
                pa.array(index),
                faces.sample_id.take(pa.array(index)).cast(pa.string()),
                pa.array(class_id[person]),
                faces.people.take(pa.array(person, mask=person == NOBODY)).cast(pa.string()),
                pa.array(self.row[index]).cast(pa.int32()),
                faces.digest.take(pa.array(index)),
            ]
            yield pa.record_batch(columns, schema=SCHEMA)


def place(
    faces: FaceList, index: NameIndex, removed: NDArray[np.bool_], earlier: Earlier, params: PlanParams
) -> Placement:
    """Give every face its place.

    Faces of the earlier version stay where they stand, unless they are another person's now. New ones are placed
    behind. A person is in one split: where the earlier version has the person, else where a hash of the name says; a
    face without a name, where a hash of its sample id says. So neither other faces nor their order change who goes
    where.

    Class ids of new people follow all that were ever given, first those of the first split in order of name, then those
    of the next: a trainer on one split has contiguous classes, and no number ever means two people. Where a source
    numbers its people, they keep their numbers as class ids while all are in one split, see `numbering`; in several
    splits their order is that of the numbers.

    Args:
        faces: N faces.
        index: of their sample ids.
        removed: (N,) bool; such a face gets no place.
        earlier: the version to continue, read with the seed of the params; its splits are among theirs.
        params: shares, seed and order.
    """
    names = list(params.splits)
    split_now = np.array([names.index(name) for name in earlier.splits], np.int32)
    known = pc.index_in(faces.people, value_set=earlier.people).fill_null(NOWHERE).to_numpy(zero_copy_only=False)

    at = earlier.index.find(index)
    at[removed] = NOWHERE
    was_there = np.flatnonzero(at != NOWHERE)
    person = _with_nobody(np.where(known == NOWHERE, _NEW_PERSON, known), NOBODY)[faces.person[was_there]]
    stands = was_there[earlier.person[at[was_there]] == person]
    at = at[stands]

    present = np.unique(faces.person[~removed])
    new = present[present != NOBODY]
    new = new[known[new] == NOWHERE]
    home = np.full(len(faces.people), NO_PLACE, np.int32)
    home[known != NOWHERE] = split_now[earlier.home[known[known != NOWHERE]]]
    home[new] = _draw(faces.people.take(pa.array(new)), "identity", params)
    split = _with_nobody(home, NO_PLACE)[faces.person]
    split[stands] = split_now[earlier.split[at]]
    split[removed] = NO_PLACE
    alone = np.flatnonzero((split == NO_PLACE) & ~removed)
    split[alone] = _draw(faces.sample_id.take(pa.array(alone)), "sample", params)

    row = np.full(len(faces), NO_PLACE, np.int64)
    row[stands] = earlier.row[at]
    comes = ~removed
    comes[stands] = False
    class_id = np.full(len(faces.people), NO_IDENTITY, np.int64)
    class_id[known != NOWHERE] = earlier.class_id[known[known != NOWHERE]]
    splits = {}
    next_id = max((stop for of in earlier.splits.values() for _, stop in of.classes), default=0)
    own = own_numbers(faces.people) if faces.numbered else None
    kept = own is not None and keeps_numbers(home[new], earlier, split_now)
    for number, name in enumerate(names):
        before = earlier.splits.get(name, SplitSpec(0, ()))
        behind = _in_order(comes & (split == number), index if params.order == "shuffled" else None)
        row[behind] = before.rows + np.arange(len(behind))
        people = new[home[new] == number]
        if own is None:
            in_order = people[pc.array_sort_indices(faces.people.take(pa.array(people))).to_numpy()]
        else:
            in_order = people[np.argsort(own[people], kind="stable")]
        ids = own[in_order] if own is not None and kept else next_id + np.arange(len(people))
        class_id[in_order] = ids
        end = max(next_id, int(ids.max(initial=-1)) + 1)
        given = ((next_id, end),) if end > next_id else ()
        next_id = end
        splits[name] = SplitSpec(before.rows + len(behind), before.classes + given)
    named = present[present != NOBODY]
    return Placement(
        splits,
        split,
        row,
        class_id,
        kept=len(stands),
        relabelled=len(was_there) - len(stands),
        gone=len(earlier) - len(was_there),
        renumbered=faces.numbered and (own is None or bool((class_id[named] != own[named]).any())),
    )


def _in_order(wanted: NDArray[np.bool_], index: NameIndex | None) -> NDArray[np.int64]:
    """The places of the wanted faces: shuffled by an index, or in order of the source."""
    return np.flatnonzero(wanted) if index is None else index.order[wanted[index.order]]


def _with_nobody(of_people: NDArray[_T], nobody: int) -> NDArray[_T]:
    """Values of people, and behind them the one of `NOBODY`, which as a place is the last."""
    return np.append(of_people, of_people.dtype.type(nobody))


def _draw(units: pa.LargeStringArray, kind: str, params: PlanParams) -> NDArray[np.int64]:
    """The place of the split that each unit goes to, by the shares."""
    bounds = np.cumsum(list(params.splits.values()))[:-1]
    draws = drawn(units, kind, lambda keys: rng.uniforms(rng.fold(keys, params.seed), 1)[:, 0])
    return np.searchsorted(bounds, draws, side="right")

"""The faces of a store one by one, as exports want them, with no more than one chunk in memory."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any, Literal, TypeAlias, get_args

import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from faceshards.errors import ExportError
from faceshards.records import UInt8Array
from faceshards.regions import Region
from faceshards.store.classes import class_count, labels_of, refuse_strangers
from faceshards.store.reader import Store
from faceshards.store.schema import NO_IDENTITY, OK

ExportView: TypeAlias = Literal["original", "variants"]
"""``"original"``: each face once, as it was. ``"variants"``: each of its K precomputed erased variants."""

_MOST_PEOPLE = 10**7
"""Class ids with a name each; a store of few faces may claim any number of them."""


@dataclass(frozen=True)
class Face:
    """One picture to export.

    Attributes:
        key: its name in the export, unique in the split and in the order of the store: ``"00000012"``, and
            ``"00000012-1"`` for the variant 1.
        sample_id: as in the manifest.
        label: what a classifier is trained on: the place of the person among all of the split; -1 where not known.
        identity: class id, as in the manifest; -1 where not known.
        identity_name: the source's own name of the person.
        erased: names of the regions that a variant lacks; empty for an original.
        image: (H, W, 3) uint8 RGB.
        region: (H, W) uint8 region ids, 255 where none applies; None where the store has none.
        variant: which of the face's variants it is, from 0 on; None for an original.
        measured: further columns of the manifest that were asked for, by name.
    """

    key: str
    sample_id: str
    label: int
    identity: int
    identity_name: str | None
    erased: tuple[str, ...]
    image: UInt8Array
    region: UInt8Array | None
    variant: int | None = None
    measured: Mapping[str, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """All but the pictures, as JSON values."""
        return {
            "sample_id": self.sample_id,
            "label": self.label,
            "identity": self.identity,
            "identity_name": self.identity_name,
            "erased": list(self.erased),
        }


class Selection:
    """What of a store is exported.

    Args:
        store: where from.
        splits: which; None for all.
        view: originals or variants.
        numbers: put the class id in the place of a person's name, and split and row in that of a sample id. Both stay
            what they are in the versions that continue the store.
        grouped: whether the variants of a face come behind its original.
        columns: of the manifest, for `Face.measured`; those that the store has not are left out.

    Raises:
        ExportError: the store has no such split, no usable face in those that are asked for, or not the arrays that the
            view shows.
        MissingShardError, CorruptShardError: the manifest is damaged.
    """

    def __init__(
        self,
        store: Store,
        splits: Sequence[str] | None = None,
        view: ExportView = "original",
        *,
        numbers: bool = False,
        grouped: bool = False,
        columns: Sequence[str] = (),
    ) -> None:
        if view not in get_args(ExportView):
            raise ExportError(f"view {view!r}; expected one of: {', '.join(get_args(ExportView))}")
        if unknown := [split for split in splits or () if split not in store.splits]:
            raise ExportError(f"{store.path} has no split {', '.join(unknown)}; it has: {', '.join(store.splits)}")
        shown = ["image"] if view == "original" or grouped else []
        shown += ["variant", "erased"] if view == "variants" else []
        for name in shown:
            if name not in store.arrays:
                raise ExportError(
                    f"{store.path} has no array {name!r}, which view {view!r} shows; it has: "
                    f"{', '.join(store.arrays)}. The erase stage's store (data/shards) has all"
                )
        self.store = store
        self.splits = tuple(dict.fromkeys(splits or store.splits))
        self.view = view
        self.numbers = numbers
        self.columns = tuple(name for name in columns if name in store.manifest.column_names)
        self._shown = shown
        if not any(self.counts.values()):
            raise ExportError(
                f"{store.path}: expected usable faces in {', '.join(self.splits)}; found none. `faceshards stats` says "
                "why faces dropped out"
            )

    @property
    def variants(self) -> int:
        """How many variants of each face are exported; 0 for originals alone."""
        return 0 if self.view == "original" else self.store.arrays["variant"].shape[0]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the pictures."""
        height, width = self.store.arrays[self._shown[0]].shape[-3:-1]
        return height, width

    def num_identities(self, split: str) -> int:
        """How many labels a split has: one for each person that it ever had."""
        return class_count(self.store.extents[split].classes)

    def anybody_known(self, split: str) -> bool:
        """Whether the person of any face of a split is known."""
        return any(identity != NO_IDENTITY for identity in self._rows(split)["identity"].to_pylist())

    @cached_property
    def people(self) -> list[str]:
        """The name of every class id of the store, from 0 on; of an id that nobody has, the id itself.

        Raises:
            ExportError: there are more than an export can name.
        """
        stops = [stop for extent in self.store.extents.values() for _, stop in extent.classes]
        if (last := max(stops, default=0)) > _MOST_PEOPLE:
            raise ExportError(
                f"{self.store.path}: expected class ids below {_MOST_PEOPLE:,}, each of which gets a name; found that "
                f"dataset.json has them below {last:,}; export another format"
            )
        names = [str(identity) for identity in range(last)]
        if self.numbers:
            return names
        rows = self._usable.select(["identity", "identity_name"])
        for identity, name in zip(rows["identity"].to_pylist(), rows["identity_name"].to_pylist(), strict=True):
            if 0 <= identity < last and name is not None:  # those beyond are refused with their split
                names[identity] = name
        return _unlike(names)

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many pictures `faces` gives of each split, in the order of `splits`."""
        of_a_face = ("image" in self._shown) + self.variants
        return {split: self._rows(split).num_rows * of_a_face for split in self.splits}

    def faces(self, split: str) -> Iterator[Face]:
        """The pictures of a split in the order of the store, with a progress bar.

        Raises:
            MissingShardError, CorruptShardError: the store is damaged.
            StoreFormatError: a class id lies in none of the split's ranges.
        """
        rows = self._rows(split)
        classes = self.store.extents[split].classes
        identity = rows["identity"].to_numpy()
        refuse_strangers(identity, classes, f"split {split!r} of {self.store.path}")
        rows = rows.append_column("label", pa.array(labels_of(identity, classes)))
        with tqdm(desc=f"export {split}", total=self.counts[split], unit="face", disable=None) as bar:
            for start in range(0, self.store.splits[split], self.store.chunk_rows):
                stop = min(start + self.store.chunk_rows, self.store.splits[split])
                here = rows.filter(pc.and_(pc.greater_equal(rows["row"], start), pc.less(rows["row"], stop)))
                for face in self._chunk(split, start, stop, here.to_pylist()):
                    yield face
                    bar.update()

    def files(self, split: str, most: int) -> Iterator[tuple[int, Iterator[Face]]]:
        """`faces`, cut into files of at most so many: the number of each file, and its pictures.

        Raises:
            ExportError: `most` is no number of pictures.
        """
        if most < 1:
            raise ExportError(f"expected at least one picture a file; found {most}")
        numbered = enumerate(self.faces(split))
        for number, group in groupby(numbered, lambda pair: pair[0] // most):
            yield number, (face for _, face in group)

    def _chunk(self, split: str, start: int, stop: int, rows: list[dict[str, Any]]) -> Iterator[Face]:
        names = [name for name in ("region", *self._shown) if name in self.store.arrays]
        chunk = {name: self.store.read(split, name, start, stop) for name in names}
        for row in rows:
            at = row["row"] - start
            key = f"{row['row']:08d}"
            about = self._called(split, row)
            region = chunk["region"][at] if "region" in chunk else None
            measured = {name: row[name] for name in self.columns}
            if "image" in chunk:
                yield Face(key, *about, (), chunk["image"][at], region, None, measured)
            for k in range(self.variants):
                erased = _names(int(chunk["erased"][at, k]))
                yield Face(f"{key}-{k}", *about, erased, chunk["variant"][at, k], region, k, measured)

    def _called(self, split: str, row: dict[str, Any]) -> tuple[str, int, int, str | None]:
        """Sample id, label, class id and name of a face, or numbers in the place of names."""
        identity, name = row["identity"], row["identity_name"]
        if not self.numbers:
            return row["sample_id"], row["label"], identity, name
        called = None if identity == NO_IDENTITY else str(identity)
        return f"{split}-{row['row']:08d}", row["label"], identity, called

    def _rows(self, split: str) -> pa.Table:
        return self._usable.filter(pc.equal(self._usable["split"], split)).sort_by("row")

    @cached_property
    def _usable(self) -> pa.Table:
        names = ["sample_id", "identity", "identity_name", "split", "row", "status", *self.columns]
        columns = self.store.manifest.select(names)
        return columns.filter(pc.equal(columns["status"], OK))


def _unlike(names: list[str]) -> list[str]:
    """Names of which no two are alike: a name that another class id has as well gets its own id behind it."""
    while len(counts := Counter(names)) < len(names):  # again, for somebody may be called as a name with an id
        names = [name if counts[name] == 1 else f"{name} ({identity})" for identity, name in enumerate(names)]
    return names


def _names(mask: int) -> tuple[str, ...]:
    return tuple(region.label for region in Region.of_mask(mask))

"""What a store holds: its arrays, its Parquet columns, its file names, its version."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa

from faceshards.errors import StoreSpecError
from faceshards.regions import IGNORE, N_REGIONS, PALETTE, REGION_NAMES
from faceshards.store.names import NAME, alike, is_name

FORMAT_VERSION = 1
"""Raised when an older release could no longer read what this one writes."""

DATASET_JSON = "dataset.json"
MANIFEST = "manifest.parquet"
INVENTORY = "files.parquet"

OK = "ok"
"""The `status` of a sample that can be used. Any other status comes with a `reason`."""
SKIPPED = "skipped"
"""The `status` of a sample that dropped out."""

Profile: TypeAlias = Literal["portable", "compact", "fast", "source"]
"""How shards are coded.

``"portable"``: zstd, for every reader of Zarr v3. ``"compact"``: faces smaller than PNG, and fast to decode, for
zarr-python where faceshards is installed. ``"fast"``: not compressed, with checksums, for what fits into memory.
``"source"``: faces that came aligned stay the JPEG or PNG files that they were; all else as ``"compact"``.
"""

NO_IDENTITY = -1

PLAN_KEY = b"faceshards.plan"
"""Of the manifest's schema metadata: JSON that says how many rows and which class ids each split has given away, so
that a later version can be planned from the manifest alone; and the mark of the key that made numbers of its names, if
one did."""

ABOUT_KEY = b"faceshards.dataset"
"""Of the manifest's schema metadata: JSON with the data set's name, licence and what else it tells about itself."""

_PLACEMENT = (
    pa.field("split", pa.string(), nullable=False),
    pa.field("shard", pa.int32(), nullable=False),
    pa.field("row", pa.int32(), nullable=False),
)
_SAMPLE = (
    pa.field("sample_id", pa.string(), nullable=False),
    pa.field("source_id", pa.string(), nullable=False),
    pa.field("identity", pa.int64(), nullable=False),
    pa.field("identity_name", pa.string()),
)
_OUTCOME = (
    pa.field("status", pa.string(), nullable=False),
    pa.field("reason", pa.string()),
    pa.field("source_sha256", pa.string()),
)

MANIFEST_BASE = (*_SAMPLE, *_PLACEMENT, *_OUTCOME)
"""The columns that every manifest has, before those of the stage that wrote it."""

INVENTORY_SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("array", pa.string()),
        pa.field("shard", pa.int32()),
        pa.field("crc32c", pa.binary()),
    ]
)
"""One row a file of the Zarr groups, in the order of their paths. Metadata files have no `shard`; a group's own has no
`array` either. `crc32c` is of a shard: the CRC-32C of each inner chunk that it holds, in the order of rows, as 4 bytes,
the least first. So a chunk that lies in another one's place is known by its checksum, which is worked out anyway."""

REGION_PX = pa.field("region_px", pa.list_(pa.int32(), N_REGIONS))
"""A stage's extra column: pixels of each of the 25 regions. `verify` compares it with the `region` array."""


def erased_field(variants: int) -> pa.Field:
    """A stage's extra column: K bit masks of erased region ids. `verify` compares it with the `erased` array."""
    return pa.field("erased", pa.list_(pa.uint32(), variants))


COLUMN_TYPES: Mapping[str, pa.DataType] = {
    **{name: pa.float32() for name in ("confidence", "mirror_agreement", "face_size", "roll")},
    **{name: pa.string() for name in ("weights_sha256", "version")},
    "region_px": REGION_PX.type,
    "region_confidence": pa.list_(pa.float32(), N_REGIONS),
    "has_truth": pa.bool_(),
    "seed": pa.uint64(),
}
"""The extra columns of the stages. A manifest may lack each of them, and none is of another type in any. The lists of
`erased_field` are as long as the array `erased` has masks."""


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """One array of every split, first axis the sample.

    Attributes:
        name: such as ``"image"``.
        dtype: a numpy name: ``"uint8"``.
        shape: of one sample; ``(112, 112, 3)``.
        dimension_names: one a dimension of `shape`; the first axis is always ``"sample"``.
        fill_value: what pads the last chunk.
    """

    name: str
    dtype: str
    shape: tuple[int, ...] = ()
    dimension_names: tuple[str, ...] = ()
    fill_value: int | float | bool = 0

    def __post_init__(self) -> None:
        if len(self.shape) != len(self.dimension_names):
            raise StoreSpecError(
                f"array {self.name!r}: shape {self.shape} and dimension_names {self.dimension_names} differ in length"
            )

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """`dtype` as numpy's own type."""
        return np.dtype(self.dtype)

    @classmethod
    def of(cls, name: str, described: Mapping[str, Any]) -> "ArraySpec":
        """The array that `dataset.json` describes; the other way round is `description`."""
        shape, names = tuple(described["shape"]), tuple(described["dimension_names"])
        return cls(name, described["dtype"], shape, names, described["fill_value"])

    @property
    def description(self) -> dict[str, Any]:
        """All but the name, as JSON values."""
        return {
            "dtype": self.dtype,
            "shape": list(self.shape),
            "dimension_names": list(self.dimension_names),
            "fill_value": self.fill_value,
        }


USABLE = ArraySpec("usable", "bool", fill_value=False)
"""Of every store, for readers of plain Zarr: whether a row holds a usable sample. It follows from the manifest."""


@dataclass(frozen=True, slots=True)
class SplitSpec:
    """The extent of one split.

    Attributes:
        rows: of its arrays. Rows that no sample uses count: some samples dropped out, others were removed since.
        classes: half-open ranges of the class ids of its people, of all that it ever had, in the order in which the ids
            were given. A person's label is the place of the class id in these ranges, one after the other.
    """

    rows: int
    classes: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> "SplitSpec":
        """The extent that `dataset.json` or a plan describes; the other way round is `description`."""
        return cls(described["rows"], tuple((first, stop) for first, stop in described["classes"]))

    @property
    def description(self) -> dict[str, Any]:
        """Rows and class ids, as JSON values."""
        return {"rows": self.rows, "classes": [list(ids) for ids in self.classes]}


def shards_of(splits: Mapping[str, SplitSpec], shard_rows: int) -> list[tuple[str, int]]:
    """Every shard of some splits: its split, and its number in the split."""
    return [(name, shard) for name, split in splits.items() for shard in range(-(-split.rows // shard_rows))]


def own_attributes(name: str, licence: str) -> dict[str, Any]:
    """The attributes that every Zarr group of a data set of this name and licence has."""
    return {
        "faceshards_format": FORMAT_VERSION,
        "name": name,
        "licence": licence,
        "class_names": list(REGION_NAMES),
        "palette": [list(rgb) for rgb in PALETTE],
        "ignore_value": IGNORE,
    }


@dataclass(frozen=True)
class StoreSpec:
    """Everything that must be known before the first shard is written.

    Attributes:
        name: of the dataset.
        licence: under which the images may be used, for the attributes and `dataset.json`.
        arrays: what every split holds, beside `USABLE`.
        splits: name to extent.
        shard_rows: rows of one shard file, a multiple of `chunk_rows`.
        chunk_rows: rows that are decoded at once.
        columns: the stage's own manifest columns.
        attributes: further attributes of the Zarr groups (JSON values).
        profile: how the arrays are coded.
        about: further texts that tell what the data set is, by name, for `dataset.json` and the manifest.
        names_key: the mark of the key that made numbers of all names, for the manifest; None where there are names.
    """

    name: str
    licence: str
    arrays: tuple[ArraySpec, ...]
    splits: Mapping[str, SplitSpec]
    shard_rows: int
    chunk_rows: int
    columns: tuple[pa.Field, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    profile: Profile = "portable"
    about: Mapping[str, str] = field(default_factory=dict)
    names_key: str | None = None

    def __post_init__(self) -> None:
        if self.chunk_rows < 1 or self.shard_rows < 1 or self.shard_rows % self.chunk_rows:
            raise StoreSpecError(
                f"shard_rows={self.shard_rows} must be a positive multiple of chunk_rows={self.chunk_rows}"
            )
        arrays = [array.name for array in self.all_arrays]
        dimensions = {"sample", *(name for array in self.arrays for name in array.dimension_names)}
        if odd := [name for name in (*self.splits, *arrays, *dimensions) if not is_name(name)]:
            raise StoreSpecError(f"expected names of splits, arrays and dimensions of {NAME}; found {odd[0]!r}")
        for what, names in (("array", arrays), ("column", self.manifest_schema.names)):
            if twice := {n for n in names if names.count(n) > 1}:
                raise StoreSpecError(f"{what} named twice: {', '.join(sorted(twice))}")
        if same := [*alike(arrays), *alike(self.splits)]:
            raise StoreSpecError(f"name that equals another one but for upper and lower case: {', '.join(same)}")
        if hidden := sorted(dimensions & {*arrays}):
            raise StoreSpecError(f"array named like a dimension, which hides it in xarray: {', '.join(hidden)}")

    @property
    def all_arrays(self) -> tuple[ArraySpec, ...]:
        """`arrays` and `USABLE`."""
        return (*self.arrays, USABLE)

    @property
    def rows_schema(self) -> pa.Schema:
        """The manifest without `split`, `shard`, `row`: what a stage hands over with each shard."""
        return pa.schema([*_SAMPLE, *_OUTCOME, *self.columns])

    @property
    def manifest_schema(self) -> pa.Schema:
        """All columns of `manifest.parquet`, in order."""
        fields = [*MANIFEST_BASE, *self.columns]
        about = {"name": self.name, "licence": self.licence, **self.about}
        plan = {"splits": self.extents, **({} if self.names_key is None else {"names_key": self.names_key})}
        return pa.schema(
            fields,
            {PLAN_KEY: json.dumps(plan).encode(), ABOUT_KEY: json.dumps(about).encode()},
        )

    @property
    def extents(self) -> dict[str, dict[str, Any]]:
        """Rows and class ids by split, as JSON values."""
        return {name: split.description for name, split in self.splits.items()}

    @property
    def group_attributes(self) -> dict[str, Any]:
        """The attributes of every split's Zarr group."""
        return {**own_attributes(self.name, self.licence), **self.attributes}

    @property
    def shards(self) -> list[tuple[str, int]]:
        """Every shard: its split, and its number in the split."""
        return shards_of(self.splits, self.shard_rows)

    def shard_count(self, split: str) -> int:
        """How many shards a split has."""
        return -(-self.splits[split].rows // self.shard_rows)

    def shard_range(self, split: str, shard: int) -> tuple[int, int]:
        """First row of a shard, and one past its last."""
        start = shard * self.shard_rows
        return start, min(start + self.shard_rows, self.splits[split].rows)

"""Where things lie inside a store, as POSIX paths relative to its root, and which files it comes to."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from faceshards.store.codecs import keeps_files
from faceshards.store.schema import ArraySpec, Profile

METADATA = "zarr.json"


def group_path(split: str) -> str:
    """The folder of a split's Zarr group."""
    return f"{split}.zarr"


def array_path(split: str, array: str) -> str:
    """The folder of one array."""
    return f"{group_path(split)}/{array}"


def shard_path(split: str, array: ArraySpec, shard: int) -> str:
    """The file of one shard of one array (the key that `codecs.array_options` makes Zarr use)."""
    key = ".".join(["c", str(shard), *("0" for _ in array.shape)])
    return f"{array_path(split, array.name)}/{key}"


class ListedFile(NamedTuple):
    """A file of the Zarr groups.

    Attributes:
        path: in the store.
        split: whose it is.
        array: whose it is; None for a group's own.
        shard: of the array; None for metadata.
        chunks: how many inner chunks it holds.
    """

    path: str
    split: str
    array: str | None
    shard: int | None
    chunks: int


class StoreLayout(NamedTuple):
    """What decides which files a store has.

    Attributes:
        splits: name to number of rows.
        arrays: name to spec.
        shard_rows: rows of one shard.
        chunk_rows: rows that are decoded at once.
        profile: how the arrays are coded.
    """

    splits: Mapping[str, int]
    arrays: Mapping[str, ArraySpec]
    shard_rows: int
    chunk_rows: int
    profile: Profile

    def inner_rows(self, array: str) -> int:
        """Rows of one inner chunk of an array's shards."""
        return 1 if keeps_files(self.arrays[array], self.profile) else self.chunk_rows

    def shards_of(self, split: str) -> int:
        """How many shards a split has."""
        return -(-self.splits[split] // self.shard_rows)

    def chunks_of(self, split: str, array: str, shard: int) -> int:
        """How many inner chunks a shard holds: fewer than it has room for where the split ends in it."""
        rows = min(self.shard_rows, self.splits[split] - shard * self.shard_rows)
        return -(-rows // self.inner_rows(array))

    def capacity(self, array: str) -> int:
        """How many inner chunks a shard has room for."""
        return self.shard_rows // self.inner_rows(array)

    @property
    def file_count(self) -> int:
        """How many files `files` gives."""
        return sum(1 + len(self.arrays) * (1 + self.shards_of(split)) for split in self.splits)

    def files(self) -> Iterator[ListedFile]:
        """Every file of the Zarr groups."""
        for split in self.splits:
            yield ListedFile(f"{group_path(split)}/{METADATA}", split, None, None, 0)
            for name, array in self.arrays.items():
                yield ListedFile(f"{array_path(split, name)}/{METADATA}", split, name, None, 0)
                for shard in range(self.shards_of(split)):
                    chunks = self.chunks_of(split, name, shard)
                    yield ListedFile(shard_path(split, array, shard), split, name, shard, chunks)

"""A stage as a map: each shard of its store is made from the same shard of the stores before it, and nothing else."""

import errno
import hashlib
import json
import math
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceshards.build import kept
from faceshards.build.params import RunParams
from faceshards.build.workdir import key_of, work_dir
from faceshards.store.imagefiles import EncodedImages
from faceshards.store.reader import Store
from faceshards.store.schema import StoreSpec
from faceshards.store.writer import create, write_shard

_GB = 10**9


class ShardContent(NamedTuple):
    """One shard, as `write_shard` takes it.

    Attributes:
        arrays: by name, n rows of each.
        rows: m samples.
        at: (m,) which of the n rows each sample has.
    """

    arrays: Mapping[str, NDArray[Any] | EncodedImages]
    rows: pa.Table
    at: NDArray[np.int64]


@dataclass(frozen=True)
class Making:
    """What all shards of an out have in common. Picklable.

    Attributes:
        work: the folder of the unfinished store.
        kept: the folder of the finished shards, one folder a key.
        spec: of the store.
        recipe: digest of all that decides the bytes of every shard: code, params, spec, releases.
    """

    work: Path
    kept: Path
    spec: StoreSpec
    recipe: str


@contextmanager
def making(out: Path, maker: str, spec: StoreSpec, run: RunParams, *inputs: object) -> Iterator[Making]:
    """Make the store `out` in a work folder, which replaces it on leaving without an error.

    Args:
        out: the folder to make.
        maker: name of the module that makes it, ``__name__`` there.
        spec: of the store.
        run: says how much of what earlier runs finished is kept.
        inputs: what decides the bytes of every shard as well: params, releases of libraries, weights.

    Raises:
        BusyError: another process is making the same out.
        OSError: the disk has less room than the store is known to take, which is of profile ``"fast"`` alone.
    """
    # Neither the extent of the splits nor the texts of the data set show in the bytes of a shard.
    coding = (spec.arrays, spec.columns, spec.shard_rows, spec.chunk_rows, spec.profile)
    with work_dir(out) as work:
        _require_space(spec, work, work.parent / "kept" / out.name)
        create(work, spec)
        shards = Making(work, work.parent / "kept" / out.name, spec, key_of(maker, repr(coding), *inputs))
        shards.kept.mkdir(parents=True, exist_ok=True)
        yield shards
    kept.prune(shards.kept, int(run.kept_gb * _GB))


def _require_space(spec: StoreSpec, work: Path, kept: Path) -> None:
    """See that a store whose size is known, as nothing is compressed, finds room beside what is kept.

    Raises:
        OSError: ENOSPC.
    """
    if spec.profile != "fast":
        return
    rows = sum(split.rows for split in spec.splits.values())
    needed = rows * sum(array.numpy_dtype.itemsize * math.prod(array.shape) for array in spec.all_arrays)
    needed -= sum(path.stat().st_size for path in kept.glob("*/*"))
    if needed > shutil.disk_usage(work).free:
        raise OSError(errno.ENOSPC, f"the store takes {needed:,} bytes more, and there is no room for them", str(work))


@dataclass(frozen=True)
class ShardTask(ABC):
    """Makes one shard, or takes it over from those kept."""

    making: Making
    split: str
    shard: int

    @property
    def work(self) -> Path:
        """The folder of the unfinished store."""
        return self.making.work

    @property
    def bounds(self) -> tuple[int, int]:
        """First row of the shard, and one past its last."""
        return self.making.spec.shard_range(self.split, self.shard)

    @property
    def faces(self) -> int:
        """How many rows the shard has."""
        start, stop = self.bounds
        return stop - start

    @abstractmethod
    def inputs(self) -> Sequence[str]:
        """Digests of what this shard is made from."""

    @abstractmethod
    def make(self, advance: Callable[[int], object]) -> ShardContent:
        """Make it; call `advance` with the number of rows done since the last call."""

    def lasts(self, rows: pa.Table) -> bool:  # noqa: ARG002 (most are made from inputs that tell all)
        """Whether a shard of these rows may be taken over by a later run whose inputs have the same digests."""
        return True

    def run(self, advance: Callable[[int], object]) -> None:
        """Make, write, keep."""
        making = self.making
        folder = making.kept / key_of(making.recipe, self.split, self.shard, self.bounds, *self.inputs())
        if kept.take(folder, making.work, making.spec, self.split, self.shard):
            advance(self.faces)
            return
        content = self.make(advance)
        place = (making.work, making.spec, self.split, self.shard)
        write_shard(*place, content.arrays, content.rows, content.at)
        if self.lasts(content.rows):
            kept.keep(folder, *place)


def table_digest(table: pa.Table) -> str:
    """SHA-256 of the rows of a table."""
    sink = hashlib.sha256()
    for name in table.column_names:
        sink.update(json.dumps([name, str(table[name].type), table[name].to_pylist()], default=bytes.hex).encode())
    return sink.hexdigest()


def shard_digests(store: Store, split: str, shard: int, *arrays: str) -> list[str]:
    """What a shard of a finished store comes to: its manifest rows, and the SHA-256 of the files of some arrays."""
    files = [store.sha256(split, array, shard) for array in arrays]
    return [table_digest(store.rows(split, shard)), *files]

"""One split of a store: where its usable samples lie, and their fields decoded chunk by chunk."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceshards.errors import ParamsError
from faceshards.loader.samples import usable_samples
from faceshards.loader.sampling import RowLayout
from faceshards.loader.views import BoundView, Rows, Selection
from faceshards.records import Batch
from faceshards.rng import UInt64Array
from faceshards.store.chunks import ChunkReader
from faceshards.store.reader import Store

MANIFEST_FIELDS = ("sample_id", "identity")
"""Fields that need no chunk."""

_CHUNKS_KEPT_PER_ARRAY = 4


class Split:
    """The usable samples of one split, by their index in the order of its rows.

    Picklable, and safe to fork: every process reads for itself.

    Attributes:
        store: what is read.
        name: of the split.
        layout: where the samples lie.
        ids: (N,) sample ids, of numpy's `StringDType`.
        identities: (N,) int64, -1 where the source knows none.

    Raises:
        ParamsError: there is no such split.
        MissingShardError, CorruptShardError: a table of the store is gone or damaged.
    """

    def __init__(self, store: Store, name: str) -> None:
        if not isinstance(name, str):
            raise ParamsError(f"split is the name of one split, found {name!r}")
        if name not in store.splits:
            raise ParamsError(f"{store.path} has no split {name!r}; it has: {', '.join(store.splits)}")
        store.read_tables()
        samples = usable_samples(store.manifest, name)
        self.store, self.name = store, name
        self.ids, self.identities = samples.ids, samples.identities
        self.layout = RowLayout(samples.rows, store.chunk_rows, store.shard_rows)
        self._reader = lru_cache(None)(self._new_reader)
        self._kept_chunk = lru_cache(_CHUNKS_KEPT_PER_ARRAY * len(store.arrays))(self._decode_chunk)

    def __reduce__(self) -> tuple[Any, ...]:
        return Split, (self.store, self.name)

    def __len__(self) -> int:
        return len(self.layout.rows)

    def chunks_of(self, samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """The chunk that each sample lies in."""
        return self.layout.rows[samples] // self.layout.chunk_rows

    def decode(
        self,
        samples: NDArray[np.int64],
        chunk: int,
        fields: Sequence[str],
        view: BoundView,
        keys: UInt64Array | None,
        *,
        keep: bool = False,
    ) -> dict[str, Rows]:
        """Fields of samples of one chunk; the thread's next call may overwrite them.

        Args:
            samples: indices.
            chunk: that all of them lie in.
            fields: of those that chunks must be decoded for.
            view: what is shown.
            keys: (n,) of the view's draws, where it draws.
            keep: the chunk, decoded, for the calls to come.
        """
        read = self._kept_chunk if keep else self._read_chunk
        rows = self.layout.rows[samples] - chunk * self.layout.chunk_rows
        return view.show({name: read(name, chunk) for name in view.reads(fields)}, fields, Selection(rows, keys))

    def known(self, samples: NDArray[np.int64], fields: Sequence[str]) -> Batch:
        """Those of the fields that need no chunk."""
        known: Batch = {}
        if "sample_id" in fields:
            known["sample_id"] = np.array(self.ids[samples].tolist(), dtype=np.str_)
        if "identity" in fields:
            known["identity"] = self.identities[samples]
        return known

    def _new_reader(self, array: str) -> ChunkReader:
        return ChunkReader(self.store, self.name, array)

    def _read_chunk(self, array: str, chunk: int) -> NDArray[Any]:
        return self._reader(array).read(chunk)

    def _decode_chunk(self, array: str, chunk: int) -> NDArray[Any]:
        return self._read_chunk(array, chunk).copy()


def decoded_fields(fields: Sequence[str]) -> tuple[str, ...]:
    """Those of the fields that chunks must be decoded for."""
    return tuple(name for name in fields if name not in MANIFEST_FIELDS)

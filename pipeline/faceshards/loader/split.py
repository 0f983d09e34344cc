"""One split of a store: where its usable samples lie, and their fields decoded chunk by chunk."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceshards.errors import ParamsError
from faceshards.loader.samples import usable_samples
from faceshards.loader.sampling import RowLayout
from faceshards.loader.views import BoundView, Part, Rows, Selection
from faceshards.records import Batch
from faceshards.rng import UInt64Array
from faceshards.store.chunkreader import ChunkReader
from faceshards.store.chunks import chunk_reader
from faceshards.store.classes import labels_of, refuse_strangers
from faceshards.store.codecs import keeps_files
from faceshards.store.imagefiles import load_decoder
from faceshards.store.reader import Store

MANIFEST_FIELDS = ("sample_id", "identity", "label")
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
        identities: (N,) int64 class ids, -1 where the source knows none.
        classes: ranges of the split's class ids, see `faceshards.store.classes.labels_of`.

    Raises:
        ParamsError: there is no such split.
        StoreFormatError: a class id lies in none of the split's ranges.
        MissingShardError, CorruptShardError: a table of the store is gone or damaged.
    """

    def __init__(self, store: Store, name: str) -> None:
        if not isinstance(name, str):
            raise ParamsError(f"split is the name of one split, found {name!r}")
        if name not in store.splits:
            raise ParamsError(f"{store.path} has no split {name!r}; it has: {', '.join(store.splits)}")
        store.read_inventory()
        samples = usable_samples(store, name)
        self.store, self.name = store, name
        self.ids, self.identities = samples.ids, samples.identities
        self.classes = store.extents[name].classes
        refuse_strangers(self.identities, self.classes, f"split {name!r} of {store.path}")
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
            keep: the chunk, decoded, for the calls to come; not where each sample is decoded by itself.
        """
        rows = self._rows_in(chunk, samples)
        chunks = {name: self._chunk(name, chunk, rows, keep=keep) for name in view.reads(fields)}
        return view.show(chunks, fields, Selection(rows, keys))

    def decode_to(
        self,
        parts: Sequence[Part],
        samples: NDArray[np.int64],
        chunk: int,
        fields: Sequence[str],
        view: BoundView,
        keys: UInt64Array | None,
    ) -> None:
        """`decode` into the arrays of batches: right there where what is shown is stored, sample by sample.

        Args:
            parts: of the samples, which cover them.
            samples: indices, in the order of the chunk's rows.
            chunk: as in `decode`, as are the others.
        """
        rows = self._rows_in(chunk, samples)
        twice = bool((rows[1:] == rows[:-1]).any())
        together = [name for name in fields if twice or not self._one_by_one(name, view)]
        with_them = view.reads(together) if together else ()
        alone = [name for name in fields if name not in together and name not in with_them]
        if alone:
            firsts = rows[[part.start for part in parts]].tolist()
            for name in alone:
                targets = [(row, part.arrays[name][part.to]) for row, part in zip(firsts, parts, strict=True)]
                self._reader(name).read_to(chunk, targets)
        if together:
            others = [name for name in fields if name not in alone]
            for name, shown in self.decode(samples, chunk, others, view, keys).items():
                for part in parts:
                    shown.copy_run(part.start, part.arrays[name][part.to])

    def copies(self, fields: Sequence[str], view: BoundView) -> bool:
        """Whether the store holds these fields as they are shown, so that to read them is to copy them."""
        return all(view.shows_stored(name) and self._reader(name).as_is for name in fields)

    def load_decoders(self, fields: Sequence[str], view: BoundView) -> None:
        """Import what decodes these fields, so that a lack of it is told now and workers share it.

        Raises:
            MissingExtraError: it is not installed.
        """
        if any(keeps_files(self.store.arrays[name], self.store.info["profile"]) for name in view.reads(fields)):
            load_decoder()

    def copy_run(self, samples: NDArray[np.int64], arrays: Batch) -> bool:
        """Fields that the store holds as they are shown, for n neighbouring samples, right into (n, ...) arrays.

        Returns:
            False, and nothing is done, where the samples are not whole chunks, one after the other.

        Raises:
            MissingShardError, CorruptShardError: one of the chunks cannot be read.
        """
        rows = self.layout.rows[samples]
        size, first, last = self.layout.chunk_rows, int(rows[0]), int(rows[-1])
        whole = first % size == 0 and ((last + 1) % size == 0 or last + 1 == self.store.splits[self.name])
        if not whole or not (rows[1:] - rows[:-1] == 1).all():
            return False
        for name, out in arrays.items():
            self._reader(name).read_run(first // size, out)
        return True

    def known(self, samples: NDArray[np.int64], fields: Sequence[str]) -> Batch:
        """Those of the fields that need no chunk."""
        known: Batch = {}
        if "sample_id" in fields:
            known["sample_id"] = np.array(self.ids[samples].tolist(), dtype=np.str_)
        if "identity" in fields:
            known["identity"] = self.identities[samples]
        if "label" in fields:
            known["label"] = labels_of(self.identities[samples], self.classes)
        return known

    def _rows_in(self, chunk: int, samples: NDArray[np.int64]) -> NDArray[np.int64]:
        return self.layout.rows[samples] - chunk * self.layout.chunk_rows

    def _new_reader(self, array: str) -> ChunkReader:
        return chunk_reader(self.store, self.name, array)

    def _one_by_one(self, field: str, view: BoundView) -> bool:
        """Whether a field is read sample by sample, right to where it is wanted."""
        return view.shows_stored(field) and self._reader(field).one_by_one

    def _chunk(self, array: str, chunk: int, rows: NDArray[np.int64], *, keep: bool) -> NDArray[Any]:
        reader = self._reader(array)
        return self._kept_chunk(array, chunk) if keep and reader.whole else reader.read(chunk, rows)

    def _decode_chunk(self, array: str, chunk: int) -> NDArray[Any]:
        return self._reader(array).read(chunk).copy()


def decoded_fields(fields: Sequence[str]) -> tuple[str, ...]:
    """Those of the fields that chunks must be decoded for."""
    return tuple(name for name in fields if name not in MANIFEST_FIELDS)

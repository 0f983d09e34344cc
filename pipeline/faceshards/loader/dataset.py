"""One split of a store as a sequence of samples, and as batches."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from faceshards.errors import ParamsError
from faceshards.loader.batches import Batches
from faceshards.loader.decoding import OnError, Running
from faceshards.loader.memory import Memory, Pool
from faceshards.loader.samples import samples_of, usable_samples
from faceshards.loader.sampling import Places, Sampling, Shuffle, Uneven
from faceshards.loader.views import Part, Picked, Rows, Showing, View
from faceshards.records import Batch
from faceshards.regions import REGION_NAMES
from faceshards.store.cache import Cache
from faceshards.store.chunks import ChunkReader
from faceshards.store.reader import Store
from faceshards.store.remote import open_store
from faceshards.store.schema import NO_IDENTITY

_FROM_MANIFEST = ("sample_id", "identity")
_CHUNKS_KEPT_PER_ARRAY = 4


def open_dataset(
    path: str | Path,
    split: str = "train",
    fields: Sequence[str] | None = None,
    *,
    storage_options: Mapping[str, Any] | None = None,
    cache: Cache | None = None,
) -> "Dataset":
    """Open one split of a store; this is `faceshards.open`.

    Args:
        path: the folder with `dataset.json`, or any URL of it that fsspec can read: ``"s3://bucket/shards"``, or
            ``"dvc://data/shards"`` with the `storage_options` ``{"repo": ..., "rev": ...}``.
        split: name of the split. The stores of the align and parse stages have only ``"all"``.
        fields: what samples and batches hold; None for all that the view has to show.
        storage_options: of a URL: what fsspec's file system is given.
        cache: of a URL: where its files are kept, and how much of them; None for the default.

    Raises:
        StoreFormatError: `path` is no store, an unfinished one, or one of a later format.
        MissingShardError, CorruptShardError: a table of the store is gone or damaged.
        DownloadError, CacheError: a URL cannot be read, or its files cannot be kept.
        MissingExtraError: a URL needs a package that is not installed.
        ParamsError: there is no such split or field.
    """
    return Dataset(open_store(path, storage_options=storage_options, cache=cache), split, fields)


class Dataset:
    """The usable samples of one split, in the order of the store.

    ``ds[i]`` is one sample, ``ds[a:b]`` a batch. Picklable, and safe to fork: every process reads for itself. It has
    what `torch.utils.data.DataLoader` asks of a map-style dataset; see `faceshards.loader.torch`.

    Attributes:
        store: what is read.
        split: name of the split.
        places: where the samples lie.
        memory: that batches are decoded into.
    """

    def __init__(self, store: Store, split: str, fields: Sequence[str] | None = None) -> None:
        if split not in store.splits:
            raise ParamsError(f"{store.path} has no split {split!r}; it has: {', '.join(store.splits)}")
        store.read_tables()
        self.store = store
        self.split = split
        self._samples = usable_samples(store.manifest, split)
        self.places = Places(self._samples.rows, store.chunk_rows, store.shard_rows)
        self.memory: Memory = Pool()
        self._fields = _names(fields) if fields is not None else None
        self._refuse_unknown(self._fields or ())
        self._reader = lru_cache(None)(self._new_reader)
        self._kept_chunk = lru_cache(_CHUNKS_KEPT_PER_ARRAY * len(store.arrays))(self._decode_chunk)

    def __reduce__(self) -> tuple[Any, ...]:
        return Dataset, (self.store, self.split, self._fields)

    def __len__(self) -> int:
        return len(self._samples.rows)

    def __repr__(self) -> str:
        head = f"{str(self.store.path)!r}, split={self.split!r}: {len(self)} faces, {self.num_identities} identities"
        fields = (f"  {a.name:<10} {a.dtype:<7} {a.shape}" for a in self.store.arrays.values())
        return "\n".join([f"Dataset({head})", *fields])

    @property
    def identities(self) -> NDArray[np.int64]:
        """Identity of each sample, (N,) int64, -1 where the source knows none."""
        return self._samples.identities

    @property
    def num_identities(self) -> int:
        """One more than the largest identity of this split: the outputs that a classifier trained on it needs.

        In the first split identities run from 0 without a gap; those of later splits go on from there.
        """
        return int(self.identities.max(initial=NO_IDENTITY)) + 1

    @property
    def num_variants(self) -> int:
        """How many precomputed erased variants a sample has; 0 where the store has none."""
        spec = self.store.arrays.get("variant")
        return spec.shape[0] if spec else 0

    @property
    def region_names(self) -> tuple[str, ...]:
        """Names of the 25 regions, by id."""
        return REGION_NAMES

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Batch: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | Batch:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Several samples at once, each chunk decoded once; torch's DataLoader calls this where it finds it."""
        return samples_of(self.take(indices))

    def take(
        self,
        indices: Sequence[int] | NDArray[np.integer[Any]],
        *,
        fields: Sequence[str] | None = None,
        view: View = "original",
        seed: int = 0,
        epoch: int = 0,
    ) -> Batch:
        """Gather samples, in the order asked for.

        Args:
            indices: negative ones count from the end.
            fields: None for those given to `open`, or else all that the view has to show.
            view: see `View`.
            seed: with `epoch`, picks each sample's variant in the view ``"variants"``.
            epoch: see `seed`.

        Returns:
            (B, ...) arrays by field: `sample_id` str, `identity` int64, and the store's arrays.

        Raises:
            IndexError: an index is out of range.
            ParamsError: an unknown field or view, or a view of variants of a store that has none.
            MissingShardError, CorruptShardError: what is asked for cannot be read.
        """
        n = len(self)
        at = np.asarray(indices, dtype=np.int64)
        if at.size and not (-n <= at.min() and at.max() < n):
            raise IndexError(f"index {at.min()}..{at.max()} out of range: split {self.split!r} has {n} faces")
        at = at % n if n else at
        showing = Showing(self.store.arrays, view)
        names = self._shown(fields, showing)
        stored = self.stored(names)
        batch: Batch = {n: np.empty((len(at), *showing.fields[n][0]), showing.fields[n][1]) for n in stored}
        chunks = self.chunk_of(at)
        for chunk in sorted(set(chunks.tolist())) if stored else ():
            to = np.flatnonzero(chunks == chunk)
            for name, rows in self.show(at[to], chunk, stored, showing, seed, epoch, keep=True).items():
                rows.copy_to(batch[name], to)
        found = batch | self.known(at, names)
        return {name: found[name] for name in names}

    def batches(
        self,
        batch_size: int,
        *,
        shuffle: bool | Literal["full"] | Shuffle = False,
        seed: int = 0,
        epoch: int = 0,
        drop_last: bool = False,
        rank: int = 0,
        world_size: int = 1,
        uneven: Uneven = "pad",
        fields: Sequence[str] | None = None,
        view: View = "original",
        threads: int | None = None,
        prefetch: int | None = None,
        on_error: OnError = "raise",
    ) -> Batches:
        """One epoch of batches, decoded ahead by threads.

        Args:
            batch_size: samples a batch; the last one may hold fewer.
            shuffle: visit the samples in another order for every (seed, epoch): True mixes random chunks within a
                window (a `Shuffle` sets its size), ``"full"`` is a random permutation, which costs a chunk a sample.
            seed: of the order, and of what the view draws.
            epoch: to be raised by one every time the samples are gone through.
            drop_last: leave out a last batch that is not full.
            rank: this process's number among those that share the samples.
            world_size: how many there are.
            uneven: what to do with samples that do not divide among them, see `sampling.Uneven`.
            fields: as in `take`.
            view: as in `take`.
            threads: that decode; None for one a core, 0 for none: a batch is decoded when it is asked for.
            prefetch: batches that threads work on ahead of the one that is asked for; None for 4.
            on_error: ``"raise"``, or ``"skip"`` samples whose chunk is missing or damaged: they are counted in
                `Batches.skipped` and logged, and their batches are smaller.

        Raises:
            ParamsError: an argument is out of its range, or as in `take`.
            MissingShardError, CorruptShardError: by the iterator, where what is asked for cannot be read.
        """
        sampling = Sampling(batch_size, shuffle, seed, epoch, drop_last, rank, world_size, uneven)
        return self.batches_of(sampling, Running(threads, prefetch, on_error), fields, view)

    def batches_of(
        self, sampling: Sampling, running: Running, fields: Sequence[str] | None = None, view: View = "original"
    ) -> Batches:
        """`batches` for those who wrap it, with its arguments in two."""
        showing = Showing(self.store.arrays, view)
        return Batches(self, sampling, showing, self._shown(fields, showing), running)

    def chunk_of(self, samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """The chunk that each sample lies in."""
        return self.places.rows[samples] // self.places.chunk_rows

    def show(
        self,
        samples: NDArray[np.int64],
        chunk: int,
        fields: Sequence[str],
        showing: Showing,
        seed: int,
        epoch: int,
        *,
        keep: bool = False,
    ) -> dict[str, Rows]:
        """Fields of samples of one chunk; the thread's next call may overwrite them.

        Args:
            samples: indices.
            chunk: that all of them lie in.
            fields: of those that chunks must be decoded for.
            showing: the view.
            seed: of its draws.
            epoch: likewise.
            keep: the chunk, decoded, for the calls to come.
        """
        read = self._kept_chunk if keep else self._read_chunk
        rows = self.rows_in_chunk(samples, chunk)
        picked = Picked(rows, self._samples.ids[samples], seed, epoch)
        return showing.show({name: read(name, chunk) for name in showing.reads(fields)}, fields, picked)

    def show_in(
        self,
        parts: Sequence[Part],
        samples: NDArray[np.int64],
        chunk: int,
        fields: Sequence[str],
        showing: Showing,
        seed: int,
        epoch: int,
    ) -> None:
        """`show` right into the arrays of batches: without a copy where the store holds what is shown as it is.

        Args:
            parts: of the samples, which cover them.
            samples: indices, in the order of the chunk's rows.
        """
        rows = self.rows_in_chunk(samples, chunk)
        twice = bool((rows[1:] == rows[:-1]).any())
        decoded = [name for name in fields if twice or not showing.shows_stored(name) or not self._reader(name).as_is]
        with_them = showing.reads(decoded) if decoded else ()
        straight = [name for name in fields if name not in decoded and name not in with_them]
        if straight:
            firsts = rows[[part.start for part in parts]].tolist()
            for name in straight:
                targets = [(row, part.arrays[name][part.to]) for row, part in zip(firsts, parts, strict=True)]
                self._reader(name).read_to(chunk, targets)
        if decoded:
            others = [name for name in fields if name not in straight]
            for name, shown in self.show(samples, chunk, others, showing, seed, epoch).items():
                for part in parts:
                    shown.copy_run(part.start, part.arrays[name][part.to])

    def shows_as_is(self, fields: Sequence[str], showing: Showing) -> bool:
        """Whether these fields are in the store as they are shown, so that to read them is to copy them."""
        return all(showing.shows_stored(name) and self._reader(name).as_is for name in fields)

    def copy_run(self, samples: NDArray[np.int64], arrays: Batch) -> bool:
        """Fields that the store holds `as they are shown` right into (n, ...) arrays, for n neighbouring samples.

        Returns:
            False, and nothing is done, where the samples are not whole chunks, one after the other.
        """
        rows = self.places.rows[samples]
        size, first, last = self.places.chunk_rows, int(rows[0]), int(rows[-1])
        whole = first % size == 0 and ((last + 1) % size == 0 or last + 1 == self.store.splits[self.split])
        if not whole or not (rows[1:] - rows[:-1] == 1).all():
            return False
        for name, out in arrays.items():
            self._reader(name).read_run(first // size, out)
        return True

    def rows_in_chunk(self, samples: NDArray[np.int64], chunk: int) -> NDArray[np.int64]:
        """The place of each sample in the chunk that all of them lie in."""
        return self.places.rows[samples] - chunk * self.places.chunk_rows

    def stored(self, fields: Sequence[str]) -> tuple[str, ...]:
        """Those of the fields that chunks must be decoded for."""
        return tuple(name for name in fields if name not in _FROM_MANIFEST)

    def known(self, samples: NDArray[np.int64], fields: Sequence[str]) -> Batch:
        """Those of the fields that need no chunk: `sample_id` and `identity`."""
        known: Batch = {}
        if "sample_id" in fields:
            known["sample_id"] = np.array(self._samples.ids[samples].tolist(), dtype=np.str_)
        if "identity" in fields:
            known["identity"] = self._samples.identities[samples]
        return known

    def _refuse_unknown(self, fields: Sequence[str]) -> None:
        known = dict.fromkeys([*_FROM_MANIFEST, *self.store.arrays])
        if unknown := [name for name in fields if name not in known]:
            raise ParamsError(f"{self.store.path} has no field {', '.join(unknown)}; it has: {', '.join(known)}")

    def _shown(self, fields: Sequence[str] | None, showing: Showing) -> tuple[str, ...]:
        chosen = _names(fields) if fields is not None else self._fields
        if chosen is None:
            return tuple(dict.fromkeys([*_FROM_MANIFEST, *showing.default_fields]))
        self._refuse_unknown([name for name in chosen if name not in showing.fields])
        return chosen

    def _new_reader(self, array: str) -> ChunkReader:
        return ChunkReader(self.store, self.split, array)

    def _read_chunk(self, array: str, chunk: int) -> NDArray[Any]:
        return self._reader(array).read(chunk)

    def _decode_chunk(self, array: str, chunk: int) -> NDArray[Any]:
        return self._read_chunk(array, chunk).copy()


def _names(fields: Sequence[str]) -> tuple[str, ...]:
    """Field names; a single string, which is a sequence of letters, is refused."""
    if isinstance(fields, str):
        raise ParamsError(f"fields: expected a list of names, such as [{fields!r}]; found {fields!r}")
    return tuple(fields)

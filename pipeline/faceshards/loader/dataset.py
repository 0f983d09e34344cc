"""One split of a store as a sequence of samples, and as batches."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args, overload

import numpy as np
from numpy.typing import NDArray

from faceshards.errors import ParamsError
from faceshards.loader.samples import usable_samples
from faceshards.loader.sampling import epoch_order, variant_choice
from faceshards.records import Batch
from faceshards.regions import REGION_NAMES
from faceshards.store.cache import Cache
from faceshards.store.reader import Store
from faceshards.store.remote import open_store
from faceshards.store.schema import NO_IDENTITY

View: TypeAlias = Literal["original", "variants", "all_variants"]
"""What a batch shows.

``"original"``: `image` as it was. ``"variants"``: one precomputed erased variant a visit in place of `image`, and
`erased` its mask. ``"all_variants"``: `image` and, beside it, all K variants in `variant` and their masks in `erased`.
"""

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
    """

    def __init__(self, store: Store, split: str, fields: Sequence[str] | None = None) -> None:
        if split not in store.splits:
            raise ParamsError(f"{store.path} has no split {split!r}; it has: {', '.join(store.splits)}")
        self.store = store
        self.split = split
        self._samples = usable_samples(store.manifest, split)
        self._fields = tuple(fields) if fields is not None else None
        self._refuse_unknown(self._fields or ())
        self._chunk = lru_cache(_CHUNKS_KEPT_PER_ARRAY * len(store.arrays))(self._decode_chunk)

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
        names = self._shown(fields, view)
        rows = self._samples.rows[at]
        ids: list[str] = self._samples.ids[at].tolist()
        choice = variant_choice(ids, self.num_variants, seed, epoch) if view == "variants" else None
        batch: Batch = {}
        for name in names:
            if name == "sample_id":
                batch[name] = np.array(ids, dtype=np.str_)
            elif name == "identity":
                batch[name] = self._samples.identities[at]
            elif choice is not None and name in ("image", "erased"):
                batch[name] = self._gather("variant" if name == "image" else name, rows, choice)
            else:
                batch[name] = self._gather(name, rows)
        return batch

    def batches(
        self,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        epoch: int = 0,
        drop_last: bool = False,
        fields: Sequence[str] | None = None,
        view: View = "original",
    ) -> Iterator[Batch]:
        """One epoch of batches.

        Args:
            batch_size: samples a batch; the last one may hold fewer.
            shuffle: visit the samples in a random order, another one for every (seed, epoch).
            seed: of the order, and of the variants shown.
            epoch: to be raised by one every time the samples are gone through.
            drop_last: leave out a last batch that is not full.
            fields: as in `take`.
            view: as in `take`.

        Raises:
            ParamsError: an argument is out of its range, or as in `take`.
        """
        if batch_size < 1:
            raise ParamsError(f"batch_size must be 1 or more, got {batch_size}")
        names = self._shown(fields, view)
        n = len(self)
        order = epoch_order(n, seed, epoch) if shuffle else np.arange(n)
        stop = n - n % batch_size if drop_last else n
        return (
            self.take(order[start : start + batch_size], fields=names, view=view, seed=seed, epoch=epoch)
            for start in range(0, stop, batch_size)
        )

    def _refuse_unknown(self, fields: Sequence[str]) -> None:
        known = dict.fromkeys([*_FROM_MANIFEST, *self.store.arrays])
        if unknown := [name for name in fields if name not in known]:
            raise ParamsError(f"{self.store.path} has no field {', '.join(unknown)}; it has: {', '.join(known)}")

    def _shown(self, fields: Sequence[str] | None, view: View) -> tuple[str, ...]:
        if view not in get_args(View):
            raise ParamsError(f"unknown view {view!r}; expected one of: {', '.join(get_args(View))}")
        if view != "original" and not self.num_variants:
            raise ParamsError(f"view {view!r}: {self.store.path} holds no variants; use the erase stage's store")
        if fields is not None:
            self._refuse_unknown(fields)
            return tuple(fields)
        if self._fields is not None:
            return self._fields
        hidden = {"original": {"variant", "erased"}, "variants": {"variant"}, "all_variants": set()}[view]
        return tuple(dict.fromkeys([*_FROM_MANIFEST, *(n for n in self.store.arrays if n not in hidden)]))

    def _gather(self, array: str, rows: NDArray[np.int64], choice: NDArray[np.int64] | None = None) -> NDArray[Any]:
        """Copy rows of an array, chunk by chunk; with `choice`, one entry of the second axis each."""
        spec = self.store.arrays[array]
        out = np.empty((len(rows), *(spec.shape if choice is None else spec.shape[1:])), spec.numpy_dtype)
        chunks = rows // self.store.chunk_rows
        for number in np.unique(chunks):
            at = np.flatnonzero(chunks == number)
            within = rows[at] - number * self.store.chunk_rows
            chunk = self._chunk(array, int(number))
            out[at] = chunk[within] if choice is None else chunk[within, choice[at]]
        return out

    def _decode_chunk(self, array: str, number: int) -> NDArray[Any]:
        start = number * self.store.chunk_rows
        stop = min(start + self.store.chunk_rows, self.store.splits[self.split])
        return self.store.read(self.split, array, start, stop)


def samples_of(batch: Batch) -> list[dict[str, Any]]:
    """A batch as its samples, which share its memory."""
    n = len(next(iter(batch.values()))) if batch else 0
    return [{name: values[i] for name, values in batch.items()} for i in range(n)]

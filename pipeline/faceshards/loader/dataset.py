"""One split of a store as a sequence of samples, and as batches."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from faceshards.checks import whole_number
from faceshards.counted import counted
from faceshards.errors import ParamsError, UnknownSampleError
from faceshards.loader.batches import Batches
from faceshards.loader.decoding import DecodeOptions, OnError
from faceshards.loader.draws import Draws, EpochDraws, SharedEpoch, VisitDraws, fresh_seed
from faceshards.loader.lookup import IdIndex, indices_within, one_index, why_missing
from faceshards.loader.memory import Memory, Pool
from faceshards.loader.ranks import own_rank
from faceshards.loader.samples import samples_of
from faceshards.loader.sampling import Sampling, Shuffle, Uneven
from faceshards.loader.split import MANIFEST_FIELDS, Split, decoded_fields
from faceshards.loader.views import BoundView, View
from faceshards.records import Batch, UInt8Array
from faceshards.regions import REGION_NAMES
from faceshards.store.classes import class_count, labels_of
from faceshards.store.reader import Store
from faceshards.store.schema import USABLE


class Dataset:
    """The usable samples of one split, in the order of the store.

    ``ds[i]`` is one sample, ``ds[a:b]`` a batch. Picklable, and safe to fork: every process reads for itself. It has
    what `torch.utils.data.DataLoader` asks of a map-style dataset.

    A view that draws (``"variants"``, ``"erase"``) draws anew at every visit, by torch's global seed where torch is
    loaded, as torchvision's transforms do. After `set_epoch` the draws follow from the epoch and the sample's id.

    Attributes:
        store: what is read.
        split: name of the split.
        view: what samples and batches show where nothing else is asked for.
    """

    def __init__(
        self,
        store: Store,
        split: str,
        fields: Sequence[str] | None = None,
        view: View = "original",
        epoch: SharedEpoch | None = None,
    ) -> None:
        if not isinstance(store, Store):
            raise ParamsError(f"a Dataset is what faceshards.open(path, split) gives; found {store!r} for its store")
        self.store = store
        self.split = split
        self.view: View = view
        self._split = Split(store, split)
        self._memory: Memory = Pool()
        self._epoch = SharedEpoch() if epoch is None else epoch
        self._next_epoch = 0  # of `batches`, where nobody says which
        self._index: IdIndex | None = None
        self._fields = _names(fields) if fields is not None else None
        self._bound(None, None)

    def __reduce__(self) -> tuple[Any, ...]:
        return Dataset, (self.store, self.split, self._fields, self.view, self._epoch)

    def __len__(self) -> int:
        return len(self._split)

    def __repr__(self) -> str:
        identities = counted(self.num_identities, "identity", "identities")
        head = f"{str(self.store.path)!r}, split={self.split!r}: {counted(len(self), 'face')}, {identities}"
        shown = (array for array in self.store.arrays.values() if array.name != USABLE.name)
        fields = (f"  {array.name:<10} {array.dtype:<7} {array.shape}" for array in shown)
        return "\n".join([f"Dataset({head})", *fields])

    @property
    def identities(self) -> NDArray[np.int64]:
        """Class id of each sample's person, (N,) int64, -1 where the source knows none.

        It names the same person in every version and split of the data set. It is no output of a classifier: see
        `labels`.
        """
        return self._split.identities.copy()  # whoever writes to it changes no label of a batch

    @property
    def labels(self) -> NDArray[np.int64]:
        """What to train a classifier on, for each sample: (N,) int64, 0 .. `num_identities` - 1; -1 as in `identities`.

        The place of the person among all of the split. In a later version of the data set people keep their labels
        and new ones follow, so that a classifier can be extended.
        """
        return labels_of(self._split.identities, self._split.classes)

    @property
    def num_identities(self) -> int:
        """The outputs that a classifier trained on this split needs: one for each person that it ever had.

        People who were removed keep theirs, without faces.
        """
        return class_count(self._split.classes)

    @property
    def num_variants(self) -> int:
        """How many precomputed erased variants a sample has; 0 where the store has none."""
        spec = self.store.arrays.get("variant")
        return spec.shape[0] if spec else 0

    @property
    def region_names(self) -> tuple[str, ...]:
        """Names of the 25 regions, by id."""
        return REGION_NAMES

    def set_epoch(self, epoch: int) -> None:
        """From now on ``ds[i]`` draws by this epoch, and `batches` gives it; a DataLoader's live workers see it too.

        Raises:
            ParamsError: it is no whole number of 0 or more.
        """
        self._epoch.set(whole_number("epoch", epoch, 0))

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Batch: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | Batch:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        return self.__getitems__([one_index(index)])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Several samples at once, each chunk decoded once; torch's DataLoader calls this where it finds it."""
        return samples_of(self.take(indices))

    def take(
        self,
        indices: Sequence[int] | NDArray[np.integer[Any]],
        *,
        fields: Sequence[str] | None = None,
        view: View | None = None,
        seed: int | None = None,
        epoch: int | None = None,
    ) -> Batch:
        """Gather samples, in the order asked for.

        Args:
            indices: negative ones count from the end.
            fields: None for those given to `open`, or else all that the view has to show.
            view: as in `open`; None for the one given there.
            seed: of the view's draws, with `epoch` and each sample's id; 0 where only `epoch` is given.
            epoch: None, with no `seed` either, for that of `set_epoch`, or else draws of their own.

        Returns:
            (B, ...) arrays by field: `sample_id` str, `identity` and `label` int64, and the store's
            arrays. `label` is what to train on, see `labels`.

        Raises:
            IndexError: an index is out of range.
            TypeError: an index is no whole number.
            ParamsError: an unknown field or view, or a view of variants of a store that has none.
            MissingShardError, CorruptShardError: what is asked for cannot be read.
            MissingExtraError: the faces are JPEG or PNG files (profile `source`), and OpenCV is not installed.
        """
        at = indices_within(indices, len(self), f"split {self.split!r}")
        shown, names = self._bound(fields, view)
        decoded = decoded_fields(names)
        batch: Batch = {n: np.empty((len(at), *shown.fields[n][0]), shown.fields[n][1]) for n in decoded}
        keys = None
        if decoded and shown.stream is not None:
            keys = self._draws(seed, epoch).keys(self._split.ids[at].tolist(), shown.stream)
        chunks = self._split.chunks_of(at)
        for chunk in sorted(set(chunks.tolist())) if decoded else ():
            to = np.flatnonzero(chunks == chunk)
            of_chunk = None if keys is None else keys[to]
            for name, rows in self._split.decode(at[to], chunk, decoded, shown, of_chunk, keep=True).items():
                rows.copy_to(batch[name], to)
        found = batch | self._split.known(at, names)
        return {name: found[name] for name in names}

    def regions(self, sample_ids: Sequence[str]) -> UInt8Array:
        """Region maps of faces whose images lie elsewhere, by sample id.

        A map fits the aligned face of the store pixel by pixel. Of another crop, or of a mirrored image, it is wrong.

        Two lines of use::

            faces = faceshards.open("data/shards", split="train")
            faces.regions(["anna/0001", "ben/0007"])  # (2, 112, 112) uint8

        Args:
            sample_ids: as in the manifest; one may come more than once.

        Returns:
            (B, H, W) uint8 ids of `Region`, 255 where a pixel has none, in the order asked for.

        Raises:
            UnknownSampleError: the split has no such face; the message says where it went.
            ParamsError: the store holds no region maps, or `sample_ids` is a single string.
            MissingShardError, CorruptShardError: what is asked for cannot be read.
        """
        wanted = _names(sample_ids, "sample_ids")
        if wrong := [name for name in wanted if not isinstance(name, str)]:
            raise ParamsError(f"sample_ids are strings, as in the manifest; found {wrong[0]!r}. For indices use take()")
        if self._index is None:
            self._index = IdIndex(self._split.ids)
        at = self._index.find(wanted)
        if (at < 0).any():
            raise UnknownSampleError(why_missing(self.store, self.split, wanted[int(np.argmax(at < 0))]))
        regions: UInt8Array = self.take(at, fields=["region"], view="original")["region"].astype(np.uint8, copy=False)
        return regions

    def batches(
        self,
        batch_size: int,
        *,
        shuffle: bool | Literal["full"] | Shuffle = False,
        seed: int = 0,
        epoch: int | None = None,
        drop_last: bool = False,
        rank: int | None = None,
        world_size: int | None = None,
        uneven: Uneven = "pad",
        fields: Sequence[str] | None = None,
        view: View | None = None,
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
            epoch: its number. None for that of `set_epoch`, or else the next one: the data set counts its calls of
                `batches` from 0.
            drop_last: leave out a last batch that is not full.
            rank: this process's number among those that share the samples; None for that of `torch.distributed`
                where it is initialised, or else of the environment (``RANK``, ``WORLD_SIZE``).
            world_size: how many there are; given with `rank` or not at all.
            uneven: what becomes of samples that do not divide among the ranks: ``"pad"`` shows some twice, ``"drop"``
                leaves them out, ``"keep"`` gives some ranks one more.
            fields: as in `take`.
            view: as in `take`.
            threads: that decode; None for one a core, 0 for none: a batch is decoded when it is asked for.
            prefetch: batches that threads work on ahead of the one that is asked for; None for 4.
            on_error: ``"raise"``, or ``"skip"`` samples whose chunk is missing or damaged: they are counted in
                `Batches.skipped` and logged, and their batches are smaller.

        Raises:
            ParamsError: an argument is out of its range, or as in `take`.
            MissingShardError, CorruptShardError: by the iterator, where what is asked for cannot be read.
            MissingExtraError: the faces are JPEG or PNG files (profile `source`), and OpenCV is not installed.
        """
        if epoch is None and (epoch := self._epoch.get()) is None:
            epoch, self._next_epoch = self._next_epoch, self._next_epoch + 1
        sampling = Sampling(batch_size, shuffle, seed, epoch, drop_last, *own_rank(rank, world_size), uneven)
        options = DecodeOptions(threads, prefetch, on_error)
        sampling.batches_told(len(self))
        split, shown, names = self.bound(fields, view)
        return Batches(split, sampling, shown, names, options, self._memory)

    def bound(
        self, fields: Sequence[str] | None = None, view: View | None = None
    ) -> tuple[Split, BoundView, tuple[str, ...]]:
        """What a loader reads: the split, a view of it, and the names of the shown fields. Raises as `batches`."""
        shown, names = self._bound(fields, view)
        self._split.load_decoders(decoded_fields(names), shown)
        return self._split, shown, names

    def _bound(self, fields: Sequence[str] | None, view: View | None) -> tuple[BoundView, tuple[str, ...]]:
        bound = BoundView(self.store.arrays, self.view if view is None else view)
        return bound, self._shown(fields, bound)

    def _shown(self, fields: Sequence[str] | None, view: BoundView) -> tuple[str, ...]:
        chosen = _names(fields) if fields is not None else self._fields
        if chosen is None:
            return tuple(dict.fromkeys([*MANIFEST_FIELDS, *view.default_fields]))
        known = dict.fromkeys([*MANIFEST_FIELDS, *view.fields])
        if not chosen:
            raise ParamsError(f"fields: expected some of: {', '.join(known)}; found []; leave it out for all")
        if unknown := [name for name in chosen if name not in known]:
            raise ParamsError(f"{self.store.path} has no field {', '.join(unknown)}; it has: {', '.join(known)}")
        return chosen

    def _draws(self, seed: int | None, epoch: int | None) -> Draws:
        if seed is None and epoch is None:
            of_all = self._epoch.get()
            return VisitDraws(fresh_seed()) if of_all is None else EpochDraws(0, of_all)
        given = {"seed": seed or 0, "epoch": epoch or 0}
        return EpochDraws(**{name: whole_number(name, value, 0) for name, value in given.items()})


def _names(names: Sequence[str], what: str = "fields") -> tuple[str, ...]:
    """Several names; a single string, which is a sequence of letters, is refused."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ParamsError(f"{what}: expected a list of names, such as [{str(names)!r}]; found {names!r}")
    return tuple(names)

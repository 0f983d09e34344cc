"""`faceshards.open`: one split of a store, at a path or a URL."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from faceshards.errors import ParamsError
from faceshards.loader.dataset import Dataset
from faceshards.loader.views import View
from faceshards.store.cache import Cache
from faceshards.store.remote import open_store

_log = logging.getLogger(__name__)


def open(
    path: str | Path,
    split: str = "train",
    fields: Sequence[str] | None = None,
    view: View = "original",
    *,
    storage_options: Mapping[str, Any] | None = None,
    cache: Cache | None = None,
) -> Dataset:
    """Open one split of a store; this is `faceshards.open`.

    Two lines of use::

        faces = faceshards.open("data/shards", split="train")
        faces[0]["image"]  # (112, 112, 3) uint8

    Args:
        path: the folder with `dataset.json`, or any URL of it that fsspec can read: ``"s3://bucket/shards"``, or
            ``"dvc://data/shards"`` with the `storage_options` ``{"repo": ..., "rev": ...}``.
        split: name of the split. The stores of the align and parse stages have only ``"all"``.
        fields: what samples and batches hold; None for all that the view has to show.
        view: what they show. ``"original"``: the faces. ``"variants"``: one stored erased variant a visit in place of
            `image`. ``"all_variants"``: `image`, and all K variants in `variant`. ``"erase"`` or an `Erase`: regions
            erased on the fly.
        storage_options: of a URL: what fsspec's file system is given.
        cache: of a URL: where its files are kept, and how much of them; None for the default.

    Raises:
        StoreFormatError: `path` is no store, an unfinished one, one of a later format, or one whose people have other
            class ids than it says.
        MissingShardError, CorruptShardError: a table of the store is gone or damaged.
        DownloadError, CacheError: a URL cannot be read, or its files cannot be kept.
        MissingExtraError: a URL needs a package that is not installed.
        ParamsError: there is no such split, field or view.
    """
    if not isinstance(path, str | Path):
        raise ParamsError(f"path is the folder or URL of a store, found {type(path).__name__}")
    if cache is not None and not isinstance(cache, Cache):
        raise ParamsError(f"cache is a faceshards.Cache, found {type(cache).__name__}")
    dataset = Dataset(open_store(path, storage_options=storage_options, cache=cache), split, fields, view)
    if not len(dataset):
        _log.warning(
            "split %r of %s has no usable face, so its epochs have no batch; "
            "`faceshards stats` says why faces dropped out",
            *(split, dataset.store.path),
        )
    return dataset


def as_dataset(dataset: Dataset | str | Path, split: str | None) -> Dataset:
    """The data set that a `Loader` reads.

    Args:
        dataset: a path or URL, which is opened, or what is open already.
        split: name of the split; None for ``"train"``, or that of an open data set.

    Raises:
        ParamsError: it is neither, or open with another split; and as `open`.
    """
    if isinstance(dataset, str | Path):
        return open(dataset, "train" if split is None else split)
    if not isinstance(dataset, Dataset):
        raise ParamsError(
            f"dataset is a path or URL of a store, or what faceshards.open gave; found {type(dataset).__name__}. For "
            "some of the faces use torch's DataLoader over a Subset of what faceshards.open gives"
        )
    if split is not None and split != dataset.split:
        raise ParamsError(f"split={split!r}, but the data set was opened with {dataset.split!r}: give one of them")
    return dataset

"""What a person calls a version: a folder, a URL, or a git revision."""

from dataclasses import dataclass
from pathlib import Path

from faceshards.errors import MissingExtraError, RevisionError
from faceshards.store.reader import Store
from faceshards.store.remote import open_store
from faceshards.store.schema import DATASET_JSON
from faceshards.versions.revision import open_revision


@dataclass(frozen=True)
class Version:
    """A store, and what it was called by.

    Attributes:
        label: what the user wrote.
        store: opened for reading.
    """

    label: str
    store: Store


def open_version(address: str, path: str | Path = "data/shards") -> Version:
    """Open a version of a store.

    A URL is taken as one by its ``://``, a folder by its being there; all else must be a git revision, at which DVC
    tracks `path`.

    Two lines of use::

        old = open_version("HEAD~1")
        new = open_version("data/shards")

    Args:
        address: a folder, any URL that `faceshards.open` takes, or a git revision of the current repository.
        path: of a revision: where in the repository the store lies, relative to the current folder.

    Raises:
        RevisionError: it is none of the three.
        StoreFormatError, CorruptShardError, MissingShardError, DownloadError, MissingExtraError: the store cannot be
            opened.
    """
    if "://" in address or _is_store(address):
        return Version(address, open_store(address))
    try:
        return Version(address, open_revision(address, path))
    except (MissingExtraError, RevisionError) as error:
        if address and Path(address).exists():
            return Version(address, open_store(address))  # which says what is wrong with it
        raise type(error)(f"{address!r} is no URL and no folder here, and as a git revision: {error}") from error


def _is_store(address: str) -> bool:
    # A folder such as `main` without a store in it does not hide the branch. An empty text is no folder, though as a
    # path it would be the current one.
    return bool(address) and (Path(address) / DATASET_JSON).is_file()

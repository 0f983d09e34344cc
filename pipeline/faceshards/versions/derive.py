"""Small files of a store that follow from its others. They are used only where their hash is the recorded one."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from faceshards.build.card import documents
from faceshards.errors import FaceShardsError, MissingShardError
from faceshards.store.groups import group_metadata
from faceshards.store.inventory import FileRecord
from faceshards.store.schema import INVENTORY, MANIFEST, USABLE, ArraySpec, SplitSpec, StoreSpec
from faceshards.store.tables import encode_table
from faceshards.store.writer import inventory_table, metadata_rows, shard_row


class Derived:
    """The texts and the groups' ``zarr.json``, made again from `dataset.json`; the inventory, from all other files.

    Args:
        root: the store's folder.
        info: the content of its `dataset.json`.
    """

    def __init__(self, root: Path, info: Mapping[str, Any]) -> None:
        self.label = "the store's other files"
        self._root, self._info = root, info

    def find(self, file: str, _wanted: FileRecord, /) -> Iterator[bytes]:
        """The bytes of a file.

        Raises:
            MissingShardError: it does not follow from others, or this release makes another one.
        """
        split, _, inside = file.partition(".zarr/")
        try:
            if file == INVENTORY:
                data = encode_table(inventory_of(self._root, spec_of(self._info)))
            elif inside.endswith("zarr.json"):
                data = group_metadata(spec_of(self._info), split)[inside]
            else:
                data = self._texts()[file].encode()
        except (FaceShardsError, OSError, KeyError, TypeError, ValueError) as error:
            raise MissingShardError("it does not follow from them") from error
        return iter([data])

    def _texts(self) -> Mapping[str, str]:
        # As `finish` hands it over, before the texts' own hashes are in it.
        tables = {name: self._info["files"][name] for name in (MANIFEST, INVENTORY)}
        return documents({**self._info, "files": tables})


def spec_of(info: Mapping[str, Any]) -> StoreSpec:
    """The spec of a store, as far as the metadata of its groups follow from it."""
    return StoreSpec(
        name=info["name"],
        licence=info["licence"],
        arrays=tuple(ArraySpec.of(name, array) for name, array in info["arrays"].items() if name != USABLE.name),
        splits={name: SplitSpec.of(split) for name, split in info["splits"].items()},
        shard_rows=info["shard_rows"],
        chunk_rows=info["chunk_rows"],
        profile=info["profile"],
        about=info["about"],
    )


def inventory_of(root: Path, spec: StoreSpec) -> pa.Table:
    """What the inventory of a store would be, by the bytes that its files have now.

    Raises:
        OSError: a file is not there.
        CorruptShardError: one of the shards is none.
    """
    shards = (shard_row(root, spec, split, array, shard) for split, shard in spec.shards for array in spec.all_arrays)
    return inventory_table([*metadata_rows(root, spec), *shards])

"""The metadata of a split's Zarr group, worked out in memory so that it is written whole or not at all."""

import json
import warnings
from typing import Any

import zarr
from zarr.core.buffer import Buffer
from zarr.errors import ZarrUserWarning
from zarr.storage import MemoryStore

from faceshards.store.codecs import array_options
from faceshards.store.schema import StoreSpec
from faceshards.store.zarrthread import zarr_answers


def group_metadata(spec: StoreSpec, split: str) -> dict[str, bytes]:
    """The `zarr.json` files of one split.

    Returns:
        bytes by path within the group; ``"zarr.json"`` is the group's own, with all others consolidated into it.
    """
    files: dict[str, Buffer] = {}
    store = MemoryStore(files)
    with zarr_answers(), warnings.catch_warnings():
        group = zarr.create_group(store, attributes=spec.group_attributes)
        for array in spec.all_arrays:
            group.create_array(
                array.name,
                shape=(spec.splits[split].rows, *array.shape),
                dtype=array.dtype,
                fill_value=array.fill_value,
                dimension_names=("sample", *array.dimension_names),
                **array_options(array, spec.chunk_rows, spec.shard_rows, spec.profile),
            )
        # The specification does not have it yet; readers that do not know it ignore it.
        warnings.filterwarnings("ignore", "Consolidated metadata", ZarrUserWarning)
        zarr.consolidate_metadata(store)
    return {path: _explicit(data.to_bytes()) for path, data in files.items()}


def _explicit(metadata: bytes) -> bytes:
    """Give every ``bytes`` codec its byte order: Zarr leaves it out for single bytes, where zarrita demands it."""

    def with_endian(entry: dict[str, Any]) -> dict[str, Any]:
        return entry | {"configuration": {"endian": "little"}} if entry.get("name") == "bytes" else entry

    return json.dumps(json.loads(metadata, object_hook=with_endian), indent=2).encode()

"""Where things lie inside a store, as POSIX paths relative to its root."""

from faceshards.store.schema import ArraySpec


def group_path(split: str) -> str:
    """The folder of a split's Zarr group."""
    return f"{split}.zarr"


def array_path(split: str, array: str) -> str:
    """The folder of one array."""
    return f"{group_path(split)}/{array}"


def shard_path(split: str, array: ArraySpec, shard: int) -> str:
    """The file of one shard of one array (the key that `codecs.array_options` makes Zarr use)."""
    key = ".".join(["c", str(shard), *("0" for _ in array.shape)])
    return f"{array_path(split, array.name)}/{key}"

"""What a store says about how it was made: nothing that differs between two runs of the same build."""

from importlib.metadata import version

_WRITERS = ("zarr", "numcodecs", "zstandard", "pyarrow")


def versions(*packages: str) -> dict[str, str]:
    """Versions of this package and of those whose releases may decide bytes: `packages`, and what writes stores.

    Build tags are left out: ``2.13.0+cpu`` and ``2.13.0+cu130`` are the release ``2.13.0``. The run record of the
    stage tells them (`runrecord`).
    """
    return {name: version(name).partition("+")[0] for name in ("faceshards", *packages, *_WRITERS)}

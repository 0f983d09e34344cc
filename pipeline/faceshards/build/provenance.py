"""What a store says about how it was made: nothing that differs between two runs of the same build."""

from importlib.metadata import version

_WRITERS = ("zarr", "numcodecs", "zstandard", "pyarrow")


def versions(*packages: str) -> dict[str, str]:
    """Versions of this package and of those whose releases may decide bytes: `packages`, and what writes stores."""
    return {name: version(name) for name in ("faceshards", *packages, *_WRITERS)}

"""Face images to training shards with Face Semantic Erasing: read them with `faceshards.open`."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from faceshards.regions import Region

if TYPE_CHECKING:
    from faceshards.loader.dataset import Dataset
    from faceshards.loader.dataset import open_dataset as open

__version__ = "0.1.0"

__all__ = ["Dataset", "Region", "__version__", "open"]

_LOADER_NAMES = {"Dataset": "Dataset", "open": "open_dataset"}


def __getattr__(name: str) -> Any:
    # The loader brings numpy, zarr and pyarrow along; who only wants the regions need not wait for them. By name, so
    # that no stage, all of which import this file, comes to depend on the loader.
    if name not in _LOADER_NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("faceshards.loader.dataset"), _LOADER_NAMES[name])


def __dir__() -> list[str]:
    return sorted({*globals(), *_LOADER_NAMES})

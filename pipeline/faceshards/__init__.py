"""Face images to training shards with Face Semantic Erasing: `faceshards.open` reads them, `faceshards.Loader` trains.

Public beside the names here: `faceshards.transforms`, `faceshards.cam`, `faceshards.parsing`, `faceshards.errors`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from faceshards.regions import Region

if TYPE_CHECKING:
    from faceshards.loader.dataset import Dataset
    from faceshards.loader.loader import Loader
    from faceshards.loader.opening import open
    from faceshards.loader.sampling import Shuffle
    from faceshards.ops.erasing import Erase
    from faceshards.store.cache import Cache

__version__ = "0.1.0"

__all__ = ["Cache", "Dataset", "Erase", "Loader", "Region", "Shuffle", "__version__", "open"]

_LAZY_NAMES = {
    "Cache": "faceshards.store.cache",
    "Dataset": "faceshards.loader.dataset",
    "Erase": "faceshards.ops.erasing",
    "Loader": "faceshards.loader.loader",
    "Shuffle": "faceshards.loader.sampling",
    "open": "faceshards.loader.opening",
}
_PACKAGES = ("cam", "errors", "parsing", "transforms")

# What people type who come from elsewhere.
_LOOK_FOR = {
    "FSErasing": "transforms.FSErasing",
    "RandomHorizontalFlip": "transforms.RandomHorizontalFlip",
    "FSCAM": "cam.FSCAM",
    "Parser": "parsing.Parser",
    "DataLoader": "Loader",
    "StreamingDataset": "Loader",
    "load": "open",
    "read": "open",
}


def __getattr__(name: str) -> Any:
    # The loader brings numpy, zarr and pyarrow along; who only wants the regions need not wait for them. By name, so
    # that no stage, all of which import this file, comes to depend on the loader.
    if name in _LAZY_NAMES:
        return getattr(import_module(_LAZY_NAMES[name]), name)
    if name in _PACKAGES:
        return import_module(f"{__name__}.{name}")
    hint = f"; see faceshards.{_LOOK_FOR[name]}" if name in _LOOK_FOR else ""
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_PACKAGES])

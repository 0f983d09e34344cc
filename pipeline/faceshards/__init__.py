"""Face images to training shards with Face Semantic Erasing: read them with `faceshards.open`."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from faceshards.regions import Region

if TYPE_CHECKING:
    from faceshards.loader.dataset import Dataset
    from faceshards.loader.dataset import open_dataset as open
    from faceshards.loader.sampling import Shuffle
    from faceshards.loader.torch import Loader
    from faceshards.ops.erasing import Erase
    from faceshards.store.cache import Cache

__version__ = "0.1.0"

__all__ = ["Cache", "Dataset", "Erase", "Loader", "Region", "Shuffle", "__version__", "open"]

_LAZY_NAMES = {
    "Cache": ("faceshards.store.cache", "Cache"),
    "Dataset": ("faceshards.loader.dataset", "Dataset"),
    "Erase": ("faceshards.ops.erasing", "Erase"),
    "Loader": ("faceshards.loader.torch", "Loader"),
    "Shuffle": ("faceshards.loader.sampling", "Shuffle"),
    "open": ("faceshards.loader.dataset", "open_dataset"),
}


def __getattr__(name: str) -> Any:
    # The loader brings numpy, zarr and pyarrow along; who only wants the regions need not wait for them. By name, so
    # that no stage, all of which import this file, comes to depend on the loader.
    if name not in _LAZY_NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _LAZY_NAMES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY_NAMES})

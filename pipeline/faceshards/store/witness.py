"""What zarr-python makes of a store: a witness beside our own reader, in `verify` and in the tests."""

from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from faceshards.store import filters, imagecodec, layout  # noqa: F401 (Zarr then knows our codecs)
from faceshards.store.storefiles import StoreFiles
from faceshards.store.zarrthread import zarr_answers


class Witness:
    """Reads arrays of a store as any reader of Zarr does, without a look at its inventory.

    Args:
        store: what is read.
    """

    def __init__(self, store: StoreFiles) -> None:
        self._store = store
        self._arrays: dict[tuple[str, str], zarr.Array[Any]] = {}

    def read(self, split: str, array: str, start: int, stop: int) -> NDArray[Any]:
        """Rows ``start .. stop`` of an array.

        Raises:
            Exception: whatever zarr-python raises where it cannot read them.
        """
        key = split, array
        with zarr_answers():
            if key not in self._arrays:
                self._arrays[key] = zarr.open_array(self._store.path / layout.array_path(split, array), mode="r")
            return np.asarray(self._arrays[key][start:stop])

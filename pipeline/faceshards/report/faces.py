"""The faces a report is about: the final store, with the aligned store beside it for its ground truth."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from faceshards.build.arrays import TRUTH
from faceshards.errors import ReportInputError
from faceshards.records import UInt8Array
from faceshards.store.reader import Store
from faceshards.store.schema import OK

_NEEDED = ("region", "identity")


class Faces:
    """Read-only access; nothing is loaded before it is asked for, and images only a block at a time.

    Args:
        shards: the final store, as the stage `erase` writes it.
        aligned: the store of the stage `align` that `shards` was made from, or None.

    Raises:
        ReportInputError: `shards` is another kind of store or holds no usable face, or `aligned` holds other samples.
        StoreFormatError, MissingShardError, CorruptShardError: as `Store`.
    """

    def __init__(self, shards: Path, aligned: Path | None) -> None:
        self.store = Store.open(shards)
        self._aligned = Store.open(aligned) if aligned is not None else None
        if missing := [name for name in _NEEDED if name not in self.store.arrays]:
            raise ReportInputError(
                f"{shards}: expected the store of the stage erase; it has no array {', '.join(missing)}"
            )
        if self.usable.num_rows == 0:
            raise ReportInputError(f"{shards} holds no usable face, so that there is nothing to report")
        if self._aligned and not self._aligned.manifest["sample_id"].equals(self.store.manifest["sample_id"]):
            raise ReportInputError(
                f"{aligned} and {shards} hold different samples: give the aligned store that the shards were made from"
            )

    @cached_property
    def usable(self) -> pa.Table:
        """The manifest rows of all faces that are not skipped, in the order of splits and rows."""
        return self.store.manifest.filter(pc.equal(self.store.manifest["status"], OK))

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """(usable faces,) the row of the manifest that each is."""
        return np.flatnonzero(pc.equal(self.store.manifest["status"], OK).to_numpy(zero_copy_only=False))

    def aligned_column(self, name: str) -> NDArray[np.float32]:
        """(usable faces,) a column of the aligned store's manifest; NaN where there is none."""
        if self._aligned is None or name not in self._aligned.manifest.column_names:
            return np.full(self.usable.num_rows, np.nan, np.float32)
        return np.asarray(self._aligned.manifest[name].to_numpy()[self.places], np.float32)

    @cached_property
    def with_truth(self) -> NDArray[np.bool_]:
        """(usable faces,) whether there is ground truth for each."""
        if self._aligned is None:
            return np.zeros(self.usable.num_rows, np.bool_)
        usable = pc.equal(self.store.manifest["status"], OK)
        return np.asarray(self._aligned.manifest["has_truth"].filter(usable).to_numpy(), np.bool_)

    @property
    def erase_params(self) -> dict[str, Any]:
        """The params section `erase` that the variants were made by."""
        return dict(self.store.provenance("erase"))

    @property
    def regions_are_truth(self) -> bool:
        """Whether the region maps were copied from the ground truth, which leaves nothing to compare."""
        return bool(self.erase_params["regions"] == "truth")

    @property
    def variants(self) -> int:
        """How many erased variants a face has; may be 0."""
        return self.store.arrays["variant"].shape[0] if "variant" in self.store.arrays else 0

    def truth(self, split: str, start: int, stop: int) -> UInt8Array:
        """True region maps of the rows ``start .. stop`` of a split: (n, H, W) uint8, 255 where there is none."""
        if self._aligned is None:
            raise ReportInputError(f"{self.store.path}: the report was given no aligned store to take truth from")
        return np.asarray(self._aligned.read(split, TRUTH.name, start, stop), np.uint8)

    def images(self, split: str, start: int, stop: int) -> UInt8Array | None:
        """The faces of the rows ``start .. stop`` of a split: (n, H, W, 3) uint8; None where no store has any."""
        for store in (self.store, self._aligned):
            if store is not None and "image" in store.arrays:
                return np.asarray(store.read(split, "image", start, stop), np.uint8)
        return None

    def image(self, face: int) -> UInt8Array | None:
        """The face itself, counted among `usable`; of a store of maps alone, from the aligned store if there is one."""
        split, row = self.usable["split"][face].as_py(), self.usable["row"][face].as_py()
        images = self.images(split, row, row + 1)
        return None if images is None else images[0]

    def read(self, array: str, face: int) -> NDArray[Any]:
        """One array of one face, counted among `usable`."""
        split, row = self.usable["split"][face].as_py(), self.usable["row"][face].as_py()
        values: NDArray[Any] = self.store.read(split, array, row, row + 1)[0]
        return values

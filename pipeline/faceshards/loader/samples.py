"""Which samples of a split can be used, where they lie, and a batch as its samples."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceshards.counted import counted
from faceshards.errors import StoreFormatError
from faceshards.records import Batch
from faceshards.store.reader import Store
from faceshards.store.schema import MANIFEST, OK

_STRING = np.dtypes.StringDType()


class Samples(NamedTuple):
    """The usable samples of a split, in the order of its rows.

    Attributes:
        ids: (N,) of numpy's `StringDType`, which forked workers share where a list of str would be copied.
        identities: (N,) int64, -1 where the source knows none.
        rows: (N,) int64, ascending.
    """

    ids: NDArray[np.void]
    identities: NDArray[np.int64]
    rows: NDArray[np.int64]


def usable_samples(store: Store, split: str) -> Samples:
    """Pick the rows of one split with status ``"ok"`` out of a store's manifest.

    Raises:
        MissingShardError, CorruptShardError, StoreFormatError: the manifest cannot be read.
    """
    expected = store.info["splits"][split]["samples"]
    # Filled in place, for parts that are joined at the end are there twice for a moment. dataset.json may lie.
    most = min(expected, store.manifest_rows(split))
    ids, identities, rows = np.empty(most, _STRING), np.empty(most, np.int64), np.empty(most, np.int64)
    found = 0
    for part in store.manifest_parts(["sample_id", "identity", "status", "row"], split):
        # Through Python lists, for pyarrow's compute functions load pandas where it is installed.
        ok = np.array([status == OK for status in part["status"].to_pylist()], bool)
        here = slice(found, found + int(ok.sum()))
        found = here.stop
        if found <= most:
            ids[here] = np.array(part["sample_id"].to_pylist(), dtype=_STRING)[ok]
            identities[here] = _int64(part["identity"])[ok]
            rows[here] = _int64(part["row"])[ok]
    if found != expected:
        raise StoreFormatError(
            f"{store.path / MANIFEST}: expected {counted(expected, 'usable face')} of split {split!r}, as dataset.json "
            f"says; found {found}; make the store anew"
        )
    return Samples(ids, identities, rows)


def samples_of(batch: Batch) -> list[dict[str, Any]]:
    """A batch as its samples, which share its memory."""
    n = len(next(iter(batch.values()))) if batch else 0
    return [{name: values[i] for name, values in batch.items()} for i in range(n)]


def _int64(column: pa.ChunkedArray) -> NDArray[np.int64]:
    # Through DLPack, for `to_numpy` loads pandas as well.
    return np.from_dlpack(column.combine_chunks()).astype(np.int64)

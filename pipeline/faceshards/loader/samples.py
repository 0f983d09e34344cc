"""Which samples of a split can be used, where they lie, and a batch as its samples."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

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
    ids, identities, rows = [np.empty(0, _STRING)], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for part in store.manifest_parts(["sample_id", "identity", "status", "row"], split):
        # Through Python lists, for pyarrow's compute functions load pandas where it is installed.
        ok = np.array([status == OK for status in part["status"].to_pylist()], bool)
        ids.append(np.array(part["sample_id"].to_pylist(), dtype=_STRING)[ok])
        identities.append(_int64(part["identity"])[ok])
        rows.append(_int64(part["row"])[ok])
    row = np.concatenate(rows)
    if len(row) != (expected := store.info["splits"][split]["samples"]):
        raise StoreFormatError(
            f"{store.path / MANIFEST}: expected {expected} usable faces of split {split!r}, as dataset.json says; "
            f"found {len(row)}; make the store anew"
        )
    return Samples(np.concatenate(ids), np.concatenate(identities), row)


def samples_of(batch: Batch) -> list[dict[str, Any]]:
    """A batch as its samples, which share its memory."""
    n = len(next(iter(batch.values()))) if batch else 0
    return [{name: values[i] for name, values in batch.items()} for i in range(n)]


def _int64(column: pa.ChunkedArray) -> NDArray[np.int64]:
    # Through DLPack, for `to_numpy` loads pandas as well.
    return np.from_dlpack(column.combine_chunks()).astype(np.int64)

"""Which samples of a split can be used, where they lie, and a batch as its samples."""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceshards.records import Batch
from faceshards.store.schema import OK


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


def usable_samples(manifest: pa.Table, split: str) -> Samples:
    """Pick the rows of one split with status ``"ok"`` out of a manifest."""
    # Through Python lists, for pyarrow's compute functions load pandas where it is installed.
    ok = np.array([status == OK for status in manifest["status"].to_pylist()], bool)
    here = np.array([name == split for name in manifest["split"].to_pylist()], bool)
    row, identity = _int64(manifest["row"]), _int64(manifest["identity"])
    chosen = np.flatnonzero(ok & here)
    chosen = chosen[np.argsort(row[chosen])]
    ids = np.array(manifest["sample_id"].to_pylist(), dtype=np.dtypes.StringDType())
    return Samples(ids[chosen], identity[chosen], row[chosen])


def samples_of(batch: Batch) -> list[dict[str, Any]]:
    """A batch as its samples, which share its memory."""
    n = len(next(iter(batch.values()))) if batch else 0
    return [{name: values[i] for name, values in batch.items()} for i in range(n)]


def _int64(column: pa.ChunkedArray) -> NDArray[np.int64]:
    # Through DLPack, for `to_numpy` loads pandas as well.
    return np.from_dlpack(column.combine_chunks()).astype(np.int64)

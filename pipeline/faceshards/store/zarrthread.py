"""zarr-python does all that it does in one thread of its own, and waits for it: here such a wait comes to an end."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import zarr
from zarr.core.sync import sync

_START_S = 30
_DEADLINE_S = 600


@contextmanager
def zarr_answers() -> Iterator[None]:
    """Within it, zarr-python may be asked: its thread runs, and reads and writes of arrays end in time.

    Where the thread cannot start for want of memory, zarr-python says so once, and from then on it waits for a thread
    that is not there.

    Raises:
        MemoryError: the thread does not run.
        TimeoutError: raised within it by zarr-python, for a read or a write that has not ended after ten minutes.

    Example:
        >>> with zarr_answers():
        ...     array = zarr.open_array(path, mode="r")
    """
    answer = asyncio.sleep(0)
    try:
        sync(answer, timeout=_START_S)
    except (TimeoutError, RuntimeError) as error:
        answer.close()
        raise MemoryError("can't start new thread for zarr-python") from error
    with zarr.config.set({"async.timeout": _DEADLINE_S}):
        yield

"""An iterator worked on ahead by a thread."""

import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")


class Ahead(Iterator[_Out], Generic[_In, _Out]):
    """What a function makes of an iterator's items, in their order, a few of them before they are asked for.

    Args:
        source: used by the thread alone from now on.
        make: called in the thread.
        ahead: how many items wait to be asked for, at most.
    """

    def __init__(self, source: Iterator[_In], make: Callable[[_In], _Out], ahead: int = 2) -> None:
        self._source, self._make, self._ahead = source, make, ahead
        self._waiting: deque[Future[_Out | None]] = deque()
        self._ended = False
        self._thread = ThreadPoolExecutor(1, "faceshards-ahead")
        weakref.finalize(self, self._thread.shutdown, wait=False, cancel_futures=True).atexit = False

    def __next__(self) -> _Out:
        while not self._ended and len(self._waiting) <= self._ahead:
            self._waiting.append(self._thread.submit(_one, self._source, self._make))
        if not self._waiting:
            raise StopIteration
        try:
            made = self._waiting.popleft().result()
        except BaseException:
            self.close()
            raise
        if made is None:
            self.close()
            raise StopIteration
        return made

    def close(self) -> None:
        """End the thread; when this returns, it uses the source no more."""
        self._ended = True
        self._waiting.clear()
        self._thread.shutdown(wait=True, cancel_futures=True)


def _one(source: Iterator[_In], make: Callable[[_In], _Out]) -> _Out | None:
    """The next, or None where there is none: a future cannot hold a StopIteration."""
    for item in source:
        return make(item)
    return None

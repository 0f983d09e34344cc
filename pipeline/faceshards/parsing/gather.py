"""Faces that come in parts of any length, to be taken in batches."""

from collections import deque
from collections.abc import Sequence

from faceshards.records import UInt8Array


class Gathered:
    """A queue of faces, which are never copied: what is taken are views of the parts.

    Example:
        >>> import numpy as np
        >>> gathered = Gathered()
        >>> gathered.add(np.zeros((3, 112, 112, 3), np.uint8))
        >>> [len(view) for view in gathered.take(2)], len(gathered)
        ([2], 1)
    """

    def __init__(self) -> None:
        self._parts: deque[UInt8Array] = deque()
        self._faces = 0

    def __len__(self) -> int:
        return self._faces

    def add(self, part: UInt8Array) -> None:
        """Put faces (n, ...) behind the others."""
        if len(part):
            self._parts.append(part)
            self._faces += len(part)

    def take(self, most: int) -> list[UInt8Array]:
        """Views of the first faces, `most` of them in all or as many as there are."""
        views = []
        while most and self._parts:
            part = self._parts.popleft()
            views.append(part[:most])
            if len(part) > most:
                self._parts.appendleft(part[most:])
            most -= len(views[-1])
        self._faces -= sum(map(len, views))
        return views

    def put_back(self, views: Sequence[UInt8Array]) -> None:
        """Put what was taken before the others again."""
        self._parts.extendleft(reversed(views))
        self._faces += sum(map(len, views))

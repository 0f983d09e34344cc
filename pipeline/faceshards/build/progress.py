"""How far a stage is: a bar in faces, also of shards that other processes make, and lines that do not break it."""

import sys
import threading
from collections.abc import Sequence
from types import TracebackType

from tqdm import tqdm

from faceshards.counted import counted


class Progress:
    """The bar of a stage; shown where stderr is a terminal. Threads may share it.

    Args:
        label: the stage, which stands before the bar and its lines.
        faces: how many faces each shard has.

    Attributes:
        finished: how many shards are.
    """

    def __init__(self, label: str, faces: Sequence[int]) -> None:
        self._label = label
        self._faces = faces
        self._reached: dict[int, int] = {}
        self._bar = tqdm(total=sum(faces), desc=label, unit="face", smoothing=0, disable=None)
        self.finished = 0
        self._lock = threading.RLock()

    @property
    def shown(self) -> bool:
        """Whether anybody sees the bar."""
        return not self._bar.disable

    def __str__(self) -> str:
        return f"finished and kept: {self.finished} of {counted(len(self._faces), 'shard')}"

    def reach(self, shard: int, faces: int) -> None:
        """A shard in work has so many faces done: fewer than before where it was begun anew."""
        with self._lock:
            self._bar.update(faces - self._reached.get(shard, 0))
            self._reached[shard] = faces

    def add(self, shard: int, faces: int) -> None:
        """A shard in work has so many more faces done."""
        with self._lock:
            self.reach(shard, self._reached.get(shard, 0) + faces)

    def finish(self, shard: int) -> None:
        """A shard is finished."""
        with self._lock:
            self.reach(shard, self._faces[shard])
            del self._reached[shard]
            self.finished += 1

    def tell(self, text: str) -> None:
        """Write a line to stderr."""
        tqdm.write(f"{self._label}: {text}", file=sys.stderr)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.close()

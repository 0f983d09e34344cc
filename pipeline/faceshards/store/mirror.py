"""What a store that lies elsewhere needs on this disk."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol


class Mirror(Protocol):
    """What brings the files of a store that lies elsewhere to this disk."""

    def hold(self, file: str, size: int, sha256: str) -> AbstractContextManager[Path]:
        """Have a file, by its path in the store, whole and unharmed, while the context lasts."""
        ...

    def drop(self, file: str) -> None:
        """Forget a file, which is then brought anew when it is next held."""
        ...

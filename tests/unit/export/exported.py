"""What exports are compared with: the faces of their store, and the members of a tar."""

import tarfile
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from stores import SPLITS

from faceshards.regions import REGION_NAMES

N = SPLITS["train"]


def erased_names(faces: dict[str, NDArray[Any]], row: int, k: int) -> list[str]:
    return [name for i, name in enumerate(REGION_NAMES) if int(faces["erased"][row, k]) >> i & 1]


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]  # all files

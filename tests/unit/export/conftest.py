from pathlib import Path
from typing import Any

import pytest
from exported import N
from numpy.typing import NDArray
from stores import build_faces, face_arrays

from faceshards.store.reader import Store


@pytest.fixture(scope="session")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of the splits train and val."""
    root = tmp_path_factory.mktemp("store")
    return build_faces(root / "work", root / "out")


@pytest.fixture(scope="session")
def store(path: Path) -> Store:
    return Store.open(path)


@pytest.fixture(scope="session")
def faces() -> dict[str, NDArray[Any]]:
    """The arrays of the split train."""
    return face_arrays("train", 0, N)

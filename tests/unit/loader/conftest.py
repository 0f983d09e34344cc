import pytest
from epochs import FACES
from stores import build_faces, face_spec

import faceshards


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> faceshards.Dataset:
    """Forty faces in one split; files whose tests need others have a fixture of this name of their own."""
    root = tmp_path_factory.mktemp("store")
    return faceshards.open(build_faces(root / "work", root / "out", face_spec({"train": FACES})))

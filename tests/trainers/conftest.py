from pathlib import Path

import pytest
from stores import build_faces, face_spec
from visits import TRAIN, VAL


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small store: 21 faces to train on, 6 to validate with."""
    folder = tmp_path_factory.mktemp("trainers")
    return build_faces(folder / "work", folder / "shards", face_spec({"train": TRAIN, "val": VAL}))


@pytest.fixture(scope="module")
def trained(request: pytest.FixtureRequest, shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a test module's own `train(shards, out)` wrote to, once for all of its tests."""
    out = tmp_path_factory.mktemp("trained")
    request.module.train(shards, out)
    return out

import runpy
from pathlib import Path

import pytest
from stores import build_faces, face_spec
from visits import TRAIN, VAL

runpy.run_path(str(Path(__file__).parents[1] / "cpu_torchvision" / "sitecustomize.py"))


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small store: 21 faces to train on, 6 to validate with."""
    folder = tmp_path_factory.mktemp("trainers")
    return build_faces(folder / "work", folder / "shards", face_spec({"train": TRAIN, "val": VAL}))

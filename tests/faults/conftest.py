import shutil
from pathlib import Path
from typing import get_args

import pytest
from shard_tasks import WORK
from stores import ARRAYS, copy_of_faces, face_spec

from faceshards.store.schema import Profile


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder, in which the run starts."""
    folder = tmp_path / "project"
    (folder / WORK).mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module", params=get_args(Profile))
def sound(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of each profile."""
    spec = face_spec({"train": 6, "val": 2}, 4, 2, ARRAYS[:2] + ARRAYS[3:], profile=request.param)
    return copy_of_faces(tmp_path_factory.mktemp("sound") / "store", spec)


@pytest.fixture
def store(sound: Path, tmp_path: Path) -> Path:
    """A copy of it to be damaged."""
    return Path(shutil.copytree(sound, tmp_path / "store"))

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from faceshards.build import lockfile
from faceshards.project.create import create

_digest_of_stage = cache(lockfile.digest_of_stage)


@pytest.fixture(scope="module", autouse=True)
def _code_that_stays() -> Iterator[None]:
    """Its digests are found once: no test here edits the package."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lockfile, "digest_of_stage", _digest_of_stage)
        yield


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """The repository of a data set, as it was just made."""
    create(tmp_path / "faces")
    return tmp_path / "faces"


@pytest.fixture
def inside(faces: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, and the test runs in it."""
    monkeypatch.chdir(faces)
    return faces

"""Fixtures every test may use. Real frames lie outside the repository; where they are absent, their tests skip."""

from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes depends on who else uses the machine; hangs are caught by pytest-timeout.
settings.register_profile("faceshards", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("faceshards")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real frames and labels beside the project; not part of it."""
    path = ROOT.parent / "shared"
    if not path.is_dir():
        pytest.skip(f"no {path}: the real frames are not distributed with the project")
    return path


@pytest.fixture(scope="session")
def frames_zip(shared: Path) -> Path:
    """71 real FaceSynthetics frames in the official zip layout."""
    return shared / "facesynthetics" / "dataset_71.zip"

from pathlib import Path

import pytest
from edited_stores import build_edited


@pytest.fixture(scope="session")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version that others are held against."""
    return build_edited(tmp_path_factory.mktemp("before") / "a")

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_proxy: None) -> Path:
    """Where downloaded networks are kept; the working directory is a project."""
    project = tmp_path / "project"
    (project / "manifests").mkdir(parents=True)
    monkeypatch.chdir(project)
    monkeypatch.setenv("FACESHARDS_PARSERS", str(tmp_path / "kept"))
    return tmp_path / "kept"

"""What a run says of itself beside the reports, and keeps out of the shards."""

import json
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from faceshards.build import provenance
from faceshards.build.params import RunParams
from faceshards.build.runrecord import run_record


def test_a_record_tells_builds_machine_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", "9.8.7+cu130")
    with run_record(tmp_path / "run/parse.json", RunParams(workers=3)):
        pass
    record = json.loads((tmp_path / "run/parse.json").read_text())
    assert record["ok"] is True
    assert record["packages"]["torch"] == "9.8.7+cu130"
    assert record["packages"]["zarr"] == version("zarr")
    assert record["processor"]
    assert record["run"]["workers"] == 3
    assert datetime.fromisoformat(record["started"]).tzinfo is not None
    assert record["seconds"] >= 0


def test_a_run_that_fails_leaves_a_record_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="halfway"), run_record(tmp_path / "erase.json", RunParams()):
        raise ValueError("halfway")
    assert json.loads((tmp_path / "erase.json").read_text())["ok"] is False


def test_releases_are_told_without_the_tag_of_a_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "version", lambda name: "2.13.0+cu130")
    assert set(provenance.versions("torch").values()) == {"2.13.0"}

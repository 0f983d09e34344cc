"""What `make gpu` promises of its checks: none stops another, none is endless, and what was found is kept."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

CHILD = """
import json, os, sys, time
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
name, path = given["--check"], given["--work"] + "/" + given["--check"] + ".json"

def note(**state):
    facts = {"device": DEVICE, "name": "a card"} if name == "machine" else {"faces a second": 12345.6}
    claim = {"claim": "it is so", "wanted": "yes", "found": "no", "holds": name != "erase", "kind": "must"}
    with open(path, "w") as file:
        json.dump({"facts": facts, "claims": [claim], "left_out": ["a peer"], **state}, file)

note(status="broken off")
print("told by", name, flush=True)
if name == "speed": time.sleep(60)
if name == "pixels": os.abort()
if name == "shards": note(status="failed", error="ValueError: no store", where=["gpu_shards.py:7 open()"]); sys.exit()
note(status="done", seconds=1.5)
"""


class Runner:
    """`gpu_runner.Run` over checks that behave in all ways in which checks can."""

    def __init__(self, root: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, device: str) -> None:
        monkeypatch.syspath_prepend(str(root / "benchmarks"))
        import gpu_runner

        monkeypatch.setattr(gpu_runner, "CHECKS", dict.fromkeys(gpu_runner.CHECKS, ("", 0.5)))
        monkeypatch.setattr(gpu_runner, "_DRY_S", 0.5)
        (folder / "benchmarks").mkdir()
        (folder / "docs").mkdir()
        self.script = folder / "benchmarks" / "gpu.py"
        self.script.write_text(f"DEVICE = {device!r}\n{CHILD}")
        self.docs = folder / "docs" / "gpu.json"
        self.work = folder / "work"
        self._make = gpu_runner.Run

    def __call__(self, *only: str, out: Path | None = None, seconds: float = 30) -> int:
        import time

        options: dict[str, Any] = {"source": None, "weights_out": None, "work": None, "device": "auto"}
        given = argparse.Namespace(out=out or self.docs, only=list(only) or None, seconds=seconds, **options)
        return int(self._make(self.script, self.work, given).all(time.monotonic()))


@pytest.fixture
def on_gpu(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    return Runner(root, tmp_path, monkeypatch, "cuda")


def test_a_check_that_fails_hangs_or_dies_stops_no_other_and_keeps_what_it_found(on_gpu: Runner) -> None:
    assert on_gpu("pixels", "speed", "shards", "erase") == 1
    result = json.loads(on_gpu.docs.read_text())
    assert {name: found["status"] for name, found in result["checks"].items()} == {
        "machine": "done",
        "faces": "done",
        "pixels": "failed",
        "speed": "ended",
        "shards": "failed",
        "erase": "done",
    }
    assert all(found["facts"] and found["claims"] for found in result["checks"].values())
    assert "its process ended with status -6" in result["checks"]["pixels"]["error"]
    assert "not done within" in result["checks"]["speed"]["error"]
    assert result["checks"]["speed"]["told"] == "told by speed"
    page = on_gpu.docs.with_suffix(".md").read_text()
    assert "a card" in page
    assert "**failed**: ValueError: no store" in page
    assert "gpu_shards.py:7 open()" in page
    assert "**does not hold**" in page
    assert "12,346" in page
    assert "dry run" not in page


def test_all_that_holds_is_success(on_gpu: Runner) -> None:
    assert on_gpu("fscam") == 0


def test_checks_for_which_no_time_is_left_are_named(on_gpu: Runner) -> None:
    assert on_gpu("fscam", seconds=3.2) == 1
    checks = json.loads(on_gpu.docs.read_text())["checks"]
    assert checks["fscam"]["status"] == "left out"
    assert "were left" in checks["fscam"]["error"]


def test_a_dry_run_never_writes_over_the_figures_of_a_gpu(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dry = Runner(root, tmp_path, monkeypatch, "cpu")
    dry.docs.write_text("measured")
    assert dry("fscam") == 0
    assert dry.docs.read_text() == "measured"
    said = capsys.readouterr().out
    assert "A dry run on the CPU, which was compared with itself: no figure is of a GPU" in said
    assert "nothing was kept" in said
    assert "**A dry run on the CPU" in (dry.work / "gpu.md").read_text()
    assert dry("fscam", out=tmp_path / "elsewhere.json") == 0
    assert json.loads((tmp_path / "elsewhere.json").read_text())["dry_run"] is True
    assert str(tmp_path / "elsewhere.json") in capsys.readouterr().out


def test_a_check_of_another_name_is_refused(on_gpu: Runner) -> None:
    with pytest.raises(SystemExit, match="no check is named warmth; expected some of machine, faces"):
        on_gpu("warmth")


def test_a_real_check_notes_what_it_measures_and_a_failing_one_why(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    import time

    from gpu_check import run_check

    run_check("machine", tmp_path, "cpu", 10, None, None, time.monotonic())
    found = json.loads((tmp_path / "machine.json").read_text())
    assert found["status"] == "done"
    assert found["facts"]["device"] == "cpu"
    assert {row["package"] for row in found["facts"]["packages"]} > {"numpy", "zarr", "safetensors", "kornia"}
    run_check("training", tmp_path, "cpu", 10, None, None, time.monotonic())  # `faces` has not run
    found = json.loads((tmp_path / "training.json").read_text())
    assert found["status"] == "failed"
    assert found["error"].startswith("FileNotFoundError")
    assert found["where"][-1].startswith(("gpu_", "_", "npyio", "<"))

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from shard_tasks import Write

from faceshards.build.code import code_of
from faceshards.build.workercheck import Demands, demands, inspect, paths_of


@dataclass(frozen=True)
class Nested:
    parts: dict[str, tuple[Path, ...]]
    again: Path


@pytest.fixture
def wanted(tmp_path: Path) -> Demands:
    (tmp_path / "work").mkdir()
    (tmp_path / "source").write_bytes(b"12")
    with demands([Write(tmp_path / "work", 0, source=tmp_path / "source")], gpu=False) as wanted:
        return replace(wanted, mark=None)


def test_the_process_that_demands_meets_its_demands(tmp_path: Path) -> None:
    (tmp_path / "out-8f").mkdir()
    with demands([Write(tmp_path / "out-8f", 0)], gpu=False) as wanted:
        assert inspect(wanted).faults == ()
        assert (tmp_path / "out.workers").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["out-8f"]


def test_the_paths_of_a_task_are_found_wherever_they_lie_in_it(tmp_path: Path) -> None:
    a, b = tmp_path / "a", Path("b")
    assert paths_of(Nested({"x": (a, b)}, a)) == [a, b]


def test_a_file_of_another_size_is_named(wanted: Demands, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"123")
    assert inspect(wanted).faults == (f"sees {tmp_path}/source with 3 bytes, not 2. Give all machines the same files",)


def test_a_worker_that_loaded_code_before_it_was_edited_must_be_started_anew(
    wanted: Demands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "code_that_grows/__init__.py"
    package.parent.mkdir()
    package.write_text("X = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    now = replace(wanted, maker="code_that_grows", code=tuple(code_of("code_that_grows").items()))
    assert inspect(now).faults == ()
    package.write_text("X = 2\n")
    edited = replace(now, code=tuple(code_of("code_that_grows").items()))
    assert inspect(edited).faults == ("has loaded an older state of code_that_grows/__init__.py. Start it anew",)

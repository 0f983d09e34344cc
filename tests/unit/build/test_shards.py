import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from faceshards.build.params import RunParams
from faceshards.build.shards import run_tasks
from faceshards.errors import ParamsError


@dataclass(frozen=True)
class Touch:
    path: Path
    faces: int = 3

    def run(self, advance: Callable[[int], object]) -> None:
        if self.path.name == "bad":
            raise ValueError("this shard cannot be made")
        self.path.touch()
        advance(self.faces)


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_runs_in_one_process_or_in_several(tmp_path: Path, workers: int) -> None:
    tasks = [Touch(tmp_path / str(i)) for i in range(7)]
    run_tasks(tasks, RunParams(workers=workers), "touch")
    assert sorted(p.name for p in tmp_path.iterdir()) == [str(i) for i in range(7)]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_task_that_fails_fails_the_run_with_its_own_error(tmp_path: Path, workers: int) -> None:
    tasks = [Touch(tmp_path / name) for name in ("0", "bad", "2")]
    with pytest.raises(ValueError, match="this shard cannot be made"):
        run_tasks(tasks, RunParams(workers=workers), "touch")


def test_nothing_to_do_starts_nothing() -> None:
    run_tasks([], RunParams(), "touch")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "127.0.0.1"])
def test_a_scheduler_that_does_not_answer_is_named_with_the_param(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("faceshards.build.shards._CONNECT_S", 0.2)
    with pytest.raises(ParamsError, match=rf"run\.scheduler: .*{re.escape(address)}"):
        run_tasks([Touch(tmp_path / "0")], RunParams(scheduler=address), "touch")

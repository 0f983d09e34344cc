from dataclasses import dataclass
from pathlib import Path

import pytest

from faceshards.build.workdir import key_of, work_dir
from faceshards.errors import BusyError

MAKER = "faceshards.build.verify"


@dataclass(frozen=True)
class Inputs:
    value: int


KEY = key_of(MAKER, Inputs(1))


def test_work_becomes_the_out_and_replaces_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").touch()
    with work_dir(out, KEY) as work:
        (work / "new").touch()
    assert [p.name for p in out.iterdir()] == ["new"]


def test_after_a_failure_the_same_inputs_go_on_where_it_stopped(tmp_path: Path) -> None:
    out = tmp_path / "out"
    _stop_halfway(out, KeyboardInterrupt)
    assert not out.exists()
    with work_dir(out, KEY) as again:
        assert (again / "half").exists()


def test_other_inputs_start_anew_and_what_was_left_behind_goes(tmp_path: Path) -> None:
    out = tmp_path / "out"
    _stop_halfway(out, ValueError)
    with work_dir(out, key_of(MAKER, Inputs(2))) as other:
        assert not any(other.iterdir())
    assert not list(tmp_path.rglob("half"))


def test_other_code_of_the_maker_starts_anew(tmp_path: Path) -> None:
    out = tmp_path / "out"
    _stop_halfway(out, ValueError)
    with work_dir(out, key_of("faceshards.build.erase", Inputs(1))) as other:
        assert not any(other.iterdir())


def test_without_a_key_every_run_starts_anew(tmp_path: Path) -> None:
    out = tmp_path / "out"
    _stop_halfway(out, ValueError, key=None)
    with work_dir(out) as again:
        assert not any(again.iterdir())


def test_the_work_of_an_out_whose_name_goes_on_is_let_be(tmp_path: Path) -> None:
    _stop_halfway(tmp_path / "out-2", ValueError)
    for key in (None, KEY):
        with work_dir(tmp_path / "out", key):
            pass
    with work_dir(tmp_path / "out-2", KEY) as again:
        assert (again / "half").exists()


def test_a_key_of_a_key_is_another_and_follows_it() -> None:
    first, second = key_of(MAKER, 1), key_of(MAKER, 2)
    assert len({first, second, key_of(first, "train", 0), key_of(first, "train", 1), key_of(second, "train", 0)}) == 5


def test_two_processes_never_make_the_same_out(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with work_dir(out, KEY), pytest.raises(BusyError, match="out"), work_dir(out, KEY):
        pass


def _stop_halfway(out: Path, error: type[BaseException], key: str | None = KEY) -> None:
    def stop() -> None:
        with work_dir(out, key) as work:
            (work / "half").touch()
            raise error

    with pytest.raises(error):
        stop()

"""The table of `make faults`: each row injects faults and counts what became of them; a little of it here."""

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType

import cache_rows
import pytest
import source_rows
import stage_rows
import store_rows
import suite_rows
from outcomes import Outcome
from table import Row, attempt

from faceshards.errors import FaceShardsError

QUICK = [*source_rows.ROWS, *cache_rows.ROWS, *(row for row in store_rows.ROWS if row.name == "re-hashed edits")]
ROWS = [*source_rows.ROWS, *store_rows.ROWS, *cache_rows.ROWS, *stage_rows.ROWS, *suite_rows.ROWS]
_TIMES = 3


@pytest.mark.parametrize("row", QUICK, ids=lambda row: row.name)
def test_faults_of_the_rows_that_no_other_test_tries_are_survived_or_named(row: Row, tmp_path: Path) -> None:
    tried = list(row.tries(tmp_path, _TIMES, random.Random(1)))
    assert len(tried) == _TIMES
    assert [what for outcome, what in tried if outcome == Outcome.FAILED] == []


def test_rows_of_the_suite_name_files_that_are_there(root: Path) -> None:
    for row in suite_rows.ROWS:
        for name in row.tries.args[0]:  # type: ignore[attr-defined]
            assert (root / "tests" / name).is_file(), row.name


def test_no_two_rows_have_one_name_and_the_page_names_the_tests_of_all(root: Path) -> None:
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)
    page = (root / "docs/trust.md").read_text()
    assert [name for name in names if f"`{name}`" not in page] == []


def _refuses() -> int:
    raise FaceShardsError("expected 1; found 2")


def _breaks() -> int:
    raise KeyError("x")


def test_what_comes_otherwise_without_a_word_is_a_failure_and_so_is_anybody_elses_error() -> None:
    assert attempt("x", lambda: 1, 1)[0] == Outcome.HELD
    assert attempt("x", _refuses, 1) == (Outcome.NAMED, "x: expected 1; found 2")
    assert attempt("x", lambda: 2, 1)[0] == Outcome.FAILED
    assert attempt("x", _breaks, 1)[0] == Outcome.FAILED


@pytest.mark.parametrize(("outcome", "status"), [(Outcome.NAMED, 0), (Outcome.FAILED, 1)])
def test_the_command_prints_a_line_a_row_and_fails_where_a_row_does(
    outcome: Outcome, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = Row("mine", 2, "", lambda *_: iter([(Outcome.HELD, "a"), (outcome, "what it was")]))
    monkeypatch.setattr(source_rows, "ROWS", [row])
    monkeypatch.setattr(sys, "argv", ["run.py", "--only", "mine"])
    monkeypatch.setenv("FACESHARDS_FAULTS", "")
    assert fault_table().main() == status
    shown = capsys.readouterr().out
    assert shown.splitlines()[1].split()[:5] == ["mine", "2", "1", str(1 - status), str(status)]
    assert ("what it was" in shown) == bool(status)


def fault_table() -> ModuleType:
    """The runner, under a name of its own: that of the fuzzers has the same."""
    spec = importlib.util.spec_from_file_location("fault_table", Path(__file__).with_name("run.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

"""Rows that are tests of the suite: faults that need servers, clusters, terminals, git and DVC of their own."""

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from outcomes import Outcome
from table import Row, Try

TESTS = Path(__file__).parents[1]


class Counter:
    """A plugin of pytest's: a test that passed and expected an error has one that is named."""

    def __init__(self) -> None:
        self.found: list[Try] = []
        self._expects = False
        self._raises = pytest.raises

    def expecting(self, *arguments: Any, **options: Any) -> Any:
        """In the place of `pytest.raises`."""
        self._expects = True
        return self._raises(*arguments, **options)

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Before each test."""
        self._expects = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """After each part of a test."""
        if report.failed:
            self.found.append((Outcome.FAILED, f"{report.nodeid}: {str(report.longrepr)[-300:]}"))
        elif report.when == "call" and report.passed:
            self.found.append((Outcome.NAMED if self._expects else Outcome.HELD, report.nodeid))


def tests(chosen: tuple[str, ...], folder: Path, times: int, rng: random.Random) -> Iterator[Try]:
    """Run tests, in a process of their own; each is one fault or a few of a kind."""
    results = folder / "results.json"
    command = [sys.executable, __file__, str(results), *(str(TESTS / name) for name in chosen)]
    done = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True, check=False)
    if done.returncode or not results.exists():
        yield Outcome.FAILED, f"pytest ended with {done.returncode}: {(done.stdout + done.stderr)[-300:]}"
    if results.exists():
        yield from ((Outcome(outcome), what) for outcome, what in json.loads(results.read_text()))


def main(results: Path, names: list[str]) -> int:
    """Run tests, and write what became of each; the status is 0 where pytest ran them, whatever they said."""
    counter = Counter()
    pytest.raises = counter.expecting
    status = pytest.main(
        ["-p", "no:cacheprovider", f"--basetemp={results.parent / 'tests'}", *names], plugins=[counter]
    )
    results.write_text(json.dumps(counter.found))
    return 0 if status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) else int(status)


def _row(name: str, about: str, *chosen: str) -> Row:
    return Row(name, 0, about, partial(tests, chosen))


ROWS = [
    _row(
        "download, by tests",
        "servers that break off, lie, change the file, send other things",
        *(f"faults/test_download_{part}.py" for part in ("connections", "content", "kills", "versions")),
    ),
    _row("zip, by tests", "zips cut, bombs, parts missing, members encrypted", "faults/test_source_faults.py"),
    _row(
        "weights, by tests",
        "pickles that want to run, networks of other shapes, files cut off",
        "faults/test_weights_faults.py",
        "faults/test_adapter_faults.py",
    ),
    _row("sizes", "sizes claimed in pictures, pickles, tables, weights", "faults/test_believed_sizes.py"),
    _row("odd files", "pipes, sockets, links, edited notes, names for other programs", "faults/test_odd_files.py"),
    _row(
        "workers",
        "killed three times, no scheduler, others' code, Ctrl-C",
        "faults/test_cluster.py",
        "faults/test_cluster_lost.py",
        "faults/test_pipeline_kill.py",
    ),
    _row("system", "what the operating system refuses, told in a line", "faults/test_system_faults.py"),
    _row("shortage", "no memory, and no open file more, while something is read", "faults/test_shortage.py"),
    _row("remote", "a remote that fails, a cache damaged, killed, read-only, full", "faults/test_remote_faults.py"),
    _row(
        "loader",
        "damage, lost batches and killed workers while a trainer reads",
        "faults/test_loader_faults.py",
        "faults/test_loader_lost.py",
    ),
    _row(
        "names",
        "names in stores, the report, the command line and exports",
        "unit/store/test_names.py",
        "unit/report/test_report_page.py",
        *(f"unit/export/test_export{part}.py" for part in ("", "_formats", "_readers")),
    ),
    _row(
        "lying stores",
        "descriptions of no store, though all hashes agree",
        "unit/store/test_lying_stores.py",
        "unit/store/test_lying_tables.py",
    ),
    _row(
        "repair",
        "damage mended from copies, or named",
        "faults/test_store_repair.py",
        "faults/test_store_repair_limits.py",
    ),
    _row(
        "DVC",
        "lost and damaged objects, edits that must be seen",
        "integration/test_dvc.py",
        "integration/test_dvc_remote.py",
    ),
]

if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))

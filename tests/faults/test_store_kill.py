"""kill -9 at any moment, then run again: the bytes are those of a build that was never disturbed."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stores import ARRAYS, build_faces, face_spec, tree

from faceshards.store.schema import StoreSpec

# A build changes the disk by these calls alone; everything between two of them is one state on the disk.
_CALLS = ("fsync", "replace", "unlink", "rmdir", "mkdir")

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def spec(rows: int = 3) -> StoreSpec:
    return face_spec({"train": rows}, shard_rows=2, chunk_rows=1, arrays=ARRAYS[:1])


def build_in_child(work: Path, out: Path, kill_at: int, rows: int = 3) -> bool:
    """Build in a forked process that kills itself just before its `kill_at`-th change to the disk.

    Returns:
        whether the build came to its end before that.
    """
    child = os.fork()
    if child == 0:
        try:
            _die_before_change(kill_at)
            build_faces(work, out, spec(rows))
        except BaseException:
            os._exit(2)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.waitstatus_to_exitcode(status) == 0
    return True


def _die_before_change(n: int) -> None:
    left = n

    def counting(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **options)

        return call

    for name in _CALLS:
        setattr(os, name, counting(getattr(os, name)))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("undisturbed")
    return tree(build_faces(root / "work", root / "out", spec()))


def test_killed_before_any_change_to_the_disk_a_rerun_gives_the_same_bytes(
    tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    kill_at = 1
    while not build_in_child(tmp_path / str(kill_at) / "work", tmp_path / str(kill_at) / "out", kill_at):
        root = tmp_path / str(kill_at)
        assert tree(build_faces(root / "work", root / "out", spec())) == undisturbed, f"killed at change {kill_at}"
        assert [p.name for p in root.iterdir()] == ["out"]
        kill_at += 1
    assert kill_at > 50  # or the kills no longer reach the calls that change the disk


def test_killed_again_and_again_a_build_still_ends_with_the_same_bytes(tmp_path: Path) -> None:
    expected = tree(build_faces(tmp_path / "undisturbed-work", tmp_path / "undisturbed", spec(rows=12)))
    runs = 1
    while not build_in_child(tmp_path / "work", tmp_path / "out", kill_at=30, rows=12):
        runs += 1
        assert runs < 10
    assert runs > 2
    assert tree(tmp_path / "out") == expected


def test_a_published_store_is_whole_whenever_a_rebuild_of_it_is_killed(
    tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    old = tree(build_faces(tmp_path / "work", tmp_path / "out", spec(rows=1)))
    seen = []
    kill_at = 10
    while not build_in_child(tmp_path / "work", tmp_path / "out", kill_at):
        found = tree(tmp_path / "out")
        seen.append(found == old)
        assert found in (old, undisturbed)
        kill_at += 10
    assert any(seen)
    assert tree(tmp_path / "out") == undisturbed

"""Folders that go with their process: nothing of a killed one stays."""

import os
from pathlib import Path

from faceshards.store.passing import PassingFolder


def test_a_folder_goes_with_whoever_made_it_and_is_for_its_user_alone(tmp_path: Path) -> None:
    folder = PassingFolder(tmp_path / "made", "of-verify-")
    assert folder.path.stat().st_mode & 0o777 == 0o700
    (folder.path / "file").touch()
    path = folder.path
    del folder
    assert not path.exists()


def test_what_a_killed_process_left_goes_when_the_next_folder_is_made(tmp_path: Path) -> None:
    pid = os.fork()
    if not pid:
        try:
            killed = PassingFolder(tmp_path, "of-verify-")
            (killed.path / "faces").write_bytes(b"somebody")
        finally:
            os._exit(9)
    os.waitpid(pid, 0)
    (tmp_path / "of-others").mkdir()
    (tmp_path / "of-verify-link").symlink_to(tmp_path / "of-others")
    assert len(list(tmp_path.iterdir())) == 3
    in_use = PassingFolder(tmp_path, "of-verify-")
    folder = PassingFolder(tmp_path, "of-verify-")
    assert {*tmp_path.iterdir()} == {in_use.path, folder.path, tmp_path / "of-others", tmp_path / "of-verify-link"}
    folder.remove()
    assert not folder.path.exists()
    assert in_use.path.exists()

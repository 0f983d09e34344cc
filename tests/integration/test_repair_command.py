"""`faceshards repair`, as a person types it, in a repository where DVC links its cache to the store.

docs/store.md shows some of what runs here.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dvc_projects import dvc, git
from edited_stores import build_edited
from stores import face_spec, tree
from test_commands import run

from faceshards.versions.repair import repair

SHARD = "train.zarr/image/c.0.0.0.0"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose out is linked to the cache, and whose remote has it; the test runs in it."""
    repo = tmp_path / "repo"
    (repo / "data").mkdir(parents=True)
    git(repo, "init")
    dvc(repo, "init", "--quiet")
    dvc(repo, "config", "cache.type", "hardlink,copy")
    dvc(repo, "remote", "add", "--default", "storage", str(tmp_path / "remote"))
    build_edited(repo / "data/shards")
    dvc(repo, "add", "data/shards")
    dvc(repo, "push")
    git(repo, "add", ".")
    git(repo, "commit", "--message", "a version")
    monkeypatch.chdir(repo)
    return repo


def flip(path: Path) -> None:
    """As a disk does it: the same file, also where it has other names."""
    mode = path.stat().st_mode
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 4
    with path.open("r+b") as file:
        file.write(data)
    path.chmod(mode)


def replace_by_damaged(path: Path) -> None:
    """Damage that DVC's copy does not share."""
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[:-1])


def test_a_damage_that_dvc_s_cache_does_not_share_is_repaired_from_there(repo: Path) -> None:
    whole = tree(repo / "data/shards")
    replace_by_damaged(repo / "data/shards" / SHARD)
    (repo / "data/shards/manifest.parquet").unlink()
    replace_by_damaged(repo / "data/shards/dataset.json")
    code, text = run("repair", "data/shards")
    assert code == 0, text
    assert f"{SHARD}: repaired from DVC's cache (data/shards)" in text
    assert text.endswith("data/shards: 3 files repaired, 0 removed, 0 problems left\n")
    assert tree(repo / "data/shards") == whole
    replace_by_damaged(repo / "data/shards" / SHARD)
    said = json.loads(run("repair", "data/shards", "--json")[1])
    assert said.pop("repaired") == [{"path": SHARD, "source": "DVC's cache (data/shards)"}]
    assert said == {"store": "data/shards", "ok": True, "removed": [], "left": []}
    assert "up to date" in dvc(repo, "status")


def test_a_damage_that_dvc_s_cache_shares_is_repaired_in_both_from_the_remote(repo: Path, tmp_path: Path) -> None:
    whole, cached = tree(repo / "data/shards"), tree(repo / ".dvc/cache")
    flip(repo / "data/shards" / SHARD)
    assert tree(repo / ".dvc/cache") != cached
    code, text = run("repair", "data/shards")
    assert code == 1
    assert f"{SHARD}: changed" in text
    assert "DVC's cache (data/shards): it has other bytes" in text
    code, text = run("repair", "data/shards", "--from", "HEAD")
    assert code == 0, text
    assert f"{SHARD}: repaired from the DVC remote (data/shards at HEAD)" in text
    assert "data/shards: 2 files repaired" in text
    assert tree(repo / "data/shards") == whole
    assert tree(repo / ".dvc/cache") == cached
    assert "up to date" in dvc(repo, "status")
    shutil.rmtree(repo / "data/shards")
    dvc(repo, "checkout")
    assert tree(repo / "data/shards") == whole


def test_a_repair_that_is_stopped_leaves_no_damaged_copy_in_dvc_s_cache_for_the_next_to_miss(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, cached = tree(repo / "data/shards"), tree(repo / ".dvc/cache")
    flip(repo / "data/shards" / SHARD)
    with monkeypatch.context() as patched:
        patched.setattr("faceshards.versions.repair.verify_with_bar", interrupted)
        with pytest.raises(KeyboardInterrupt):
            repair("data/shards", ["HEAD"])
    assert repair("data/shards").ok
    assert tree(repo / "data/shards") == whole
    assert tree(repo / ".dvc/cache") == cached


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_names_of_files_drive_no_terminal(repo: Path) -> None:
    (repo / "data/shards/a\x1b[2Jb").write_text("")
    text = run("repair", "data/shards", "--remove-unlisted")[1]
    assert "a\\x1b[2Jb: removed" in text
    assert "\x1b" not in text


def test_dvc_s_copy_of_another_version_is_not_taken_for_a_damaged_one(repo: Path, tmp_path: Path) -> None:
    mine = build_edited(tmp_path / "mine", spec=face_spec({"train": 22, "val": 3}))
    sound = Path(shutil.copytree(mine, tmp_path / "sound"))
    shutil.rmtree(repo / "data/shards")
    shutil.copytree(mine, repo / "data/shards")
    before = tree(repo / ".dvc/cache")
    last = "train.zarr/image/c.2.0.0.0"
    replace_by_damaged(repo / "data/shards" / last)
    replace_by_damaged(repo / "data/shards" / SHARD)
    assert run("repair", "data/shards", "--from", sound)[0] == 0
    assert tree(repo / "data/shards") == tree(sound)
    assert tree(repo / ".dvc/cache") == before


def test_a_copy_without_a_name_is_not_the_current_folder(repo: Path) -> None:
    code, text = run("repair", "data/shards", "--from", "")
    assert code == 1
    assert "found an empty text, as of a variable that is not set" in text


def test_a_file_that_is_nowhere_is_named_with_what_was_tried(repo: Path) -> None:
    shutil.rmtree(repo / ".dvc/cache")
    (repo / "data/shards" / SHARD).unlink()
    code, text = run("repair", "data/shards")
    assert code == 1
    assert f"{SHARD}: missing: recorded with SHA-256" in text
    assert "is neither in DVC's cache" in text
    assert text.endswith("data/shards: 0 files repaired, 0 removed, 1 problem left\n")


def test_without_dvc_a_copy_still_repairs_and_the_extra_is_named_where_it_is_missed(tmp_path: Path) -> None:
    store = build_edited(tmp_path / "store")
    copy = Path(shutil.copytree(store, tmp_path / "copy"))
    code = "import sys; sys.modules['dvc'] = None; from faceshards.cli import main; main(sys.argv[1:])"
    (store / SHARD).unlink()
    without = [sys.executable, "-c", code, "repair", str(store)]
    done = subprocess.run(without, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "need DVC: pip install 'faceshards[pipeline]'" in done.stderr
    done = subprocess.run([*without, "--from", str(copy)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert tree(store) == tree(copy)


def test_unlisted_files_need_the_option(repo: Path) -> None:
    (repo / "data/shards/notes.txt").write_text("mine")
    code, text = run("repair", "data/shards")
    assert code == 1
    assert "notes.txt: unlisted" in text
    assert "--remove-unlisted removes it" in text
    code, text = run("repair", "data/shards", "--remove-unlisted")
    assert code == 0
    assert "notes.txt: removed" in text
    assert not os.path.lexists("data/shards/notes.txt")


def test_what_is_no_store_is_said_so(repo: Path) -> None:
    code, text = run("repair", "data")
    assert code == 1
    assert "data is not a faceshards store" in text
    assert "Traceback" not in text

"""Shards are read on every system; what only POSIX systems can do says so where it is asked for."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from stores import build_faces

from faceshards.store import filelocks
from faceshards.store.filelocks import Claim

_PROGRAM = """
import other_systems
other_systems.lack_posix()
import json, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")  # of filelock: it has soft locks alone
import numpy as np
import faceshards
from faceshards.store.reader import Store
from click.testing import CliRunner
from faceshards.cli import main

store, folder = Path(sys.argv[1]), Path(sys.argv[2])
cache = faceshards.Cache(folder / "cache")
local, remote = faceshards.open(store), faceshards.open(f"file://{store}", cache=cache)
of_kinds = {"batch_size": 4, "shuffle": True, "epoch": 1}
same = [
    np.array_equal(a[name], b[name])
    for view in ("original", "variants", "erase")
    for a, b in zip(local.batches(view=view, **of_kinds), remote.batches(view=view, **of_kinds), strict=True)
    for name in a
]
kept = sorted(path.name for path in cache.folder.rglob("*") if path.is_file())
least = max(path.stat().st_size for path in store.rglob("*") if path.is_file()) + 60_000
small = faceshards.Cache(folder / "small", least)
faces = sum(len(batch["label"]) for batch in faceshards.open(f"file://{store}", cache=small).batches(4))
in_small = sum(path.stat().st_size for path in small.folder.rglob("*") if path.is_file())

def said(*words):
    done = CliRunner().invoke(main, list(map(str, words)))
    return done.exit_code, done.output

commands = {
    "verify": said("verify", f"file://{store}"),
    "info": said("info", store),
    "stats": said("stats", store),
    "show": said("show", store, local.take([0])["sample_id"][0], "--out", folder / "face.png"),
    **{f: said("export", f, store, folder / f) for f in ("webdataset", "imagefolder", "huggingface", "recordio")},
    **{" ".join(w): said(*w) for w in (["init", "x"], ["check"], ["stage", "plan"], ["parsers"], ["train"])},
}
loaded = sum(len(batch["label"]) for batch in faceshards.Loader(store, 4, num_workers=0))
print(json.dumps({
    "same": same, "kept": kept, "faces": [len(local), faces, loaded], "small": [in_small, least], "commands": commands,
}))
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process says that has nothing of POSIX."""
    folder = tmp_path_factory.mktemp("elsewhere")
    store = build_faces(folder / "work", folder / "store")
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(store), str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "FACESHARDS_CACHE": str(folder / "of-commands")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_store_is_read_and_its_cache_kept_without_anything_of_posix(elsewhere: dict[str, Any]) -> None:
    assert elsewhere["same"]
    assert all(elsewhere["same"])
    assert "files.parquet" in elsewhere["kept"]
    assert not any(name.endswith(".partial") for name in elsewhere["kept"])
    assert len(set(elsewhere["faces"])) == 1


def test_a_cache_stays_within_its_bound_there(elsewhere: dict[str, Any]) -> None:
    held, bound = elsewhere["small"]
    assert 0 < held <= bound


@pytest.mark.parametrize(
    "command", ["verify", "info", "stats", "show", "webdataset", "imagefolder", "huggingface", "recordio"]
)
def test_what_a_bare_install_offers_works_there(elsewhere: dict[str, Any], command: str) -> None:
    code, output = elsewhere["commands"][command]
    assert code == 0, output


@pytest.mark.parametrize("command", ["init x", "check", "stage plan", "parsers", "train"])
def test_what_needs_posix_says_so_there(elsewhere: dict[str, Any], command: str) -> None:
    code, output = elsewhere["commands"][command]
    assert code == 1
    assert f"{command.removesuffix(' x')}` runs on Linux and macOS" in output
    assert "On Windows run it in WSL" in output
    assert output.count("\n") == 1


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filelocks, "_LOCKS", False)


@pytest.mark.usefixtures("no_locks")
def test_without_locks_who_makes_a_file_has_it_until_nobody_wrote_to_it_for_a_minute(tmp_path: Path) -> None:
    path = tmp_path / "shard.partial"
    first = Claim.on(path, 0o600)
    assert first is not None
    assert Claim.on(path, 0o600) is None
    assert not filelocks.remove_abandoned(path)
    os.utime(path, (0, 0))
    second = Claim.on(path, 0o600)
    assert second is not None
    os.write(second.handle, b"whole")
    with pytest.raises(FileNotFoundError, match="another process writes it anew"):
        first.rename(tmp_path / "shard")
    second.rename(tmp_path / "shard")
    assert (tmp_path / "shard").read_bytes() == b"whole"
    second.remove()
    assert [file.name for file in tmp_path.iterdir()] == ["shard"]


@pytest.mark.parametrize("locks", [True, False])
def test_a_claim_that_is_given_up_leaves_nothing(locks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filelocks, "_LOCKS", locks)
    claim = Claim.on(tmp_path / "shard.partial", 0o600)
    assert claim is not None
    claim.remove()
    claim.remove()
    assert not [*tmp_path.iterdir()]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(claim.handle)


def test_a_file_that_is_held_is_not_removed_and_one_that_is_let_go_is(tmp_path: Path) -> None:
    path = tmp_path / "shard"
    path.touch()
    handle = filelocks.held(path)
    assert not filelocks.try_remove(path)
    filelocks.release(handle)
    assert filelocks.try_remove(path)
    assert not filelocks.try_remove(path)

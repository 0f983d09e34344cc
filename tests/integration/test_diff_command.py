"""`faceshards diff`, as a person types it: folders, URLs, and revisions of a DVC repository."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dvc_projects import dvc, git
from edited_stores import Row, build_edited
from numpy.typing import NDArray
from stores import face_spec
from test_commands import run
from web_folder import serve_folder

from faceshards.errors import MissingShardError
from faceshards.versions.dvcout import find_out
from faceshards.versions.revision import open_revision

SHARD = "train.zarr/image/c.0.0.0.0"


def painted(split: str, row: Row, face: dict[str, NDArray[Any]]) -> None:
    if row["sample_id"] == "train-0003":
        face["image"].fill(7)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DVC repository with two versions, of which DVC's cache and remote have all; the second is checked out."""
    root = tmp_path_factory.mktemp("dvc")
    repo = root / "repo"
    (repo / "data").mkdir(parents=True)
    git(repo, "init")
    dvc(repo, "init", "--quiet")
    dvc(repo, "remote", "add", "--default", "storage", str(root / "remote"))
    for edit, spec in ((lambda *_: None, face_spec()), (painted, face_spec({"train": 22, "val": 3}))):
        shutil.rmtree(repo / "data/shards", ignore_errors=True)
        build_edited(repo / "data/shards", edit, spec)
        dvc(repo, "add", "data/shards")
        dvc(repo, "push")
        git(repo, "add", ".")
        git(repo, "commit", "--message", "a version")
    git(repo, "tag", "newer")
    return root


@pytest.fixture
def repo(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy, in which the test runs."""
    copy = Path(shutil.copytree(made, tmp_path / "copy", symlinks=True))
    config = copy / "repo/.dvc/config"
    config.write_text(config.read_text().replace(str(made / "remote"), str(copy / "remote")))
    monkeypatch.chdir(copy / "repo")
    monkeypatch.setenv("FACESHARDS_CACHE", str(tmp_path / "cache"))
    return copy / "repo"


def told(*arguments: object) -> dict[str, Any]:
    code, text = run("diff", *arguments, "--json")
    assert code in (0, 1), text
    found: dict[str, Any] = json.loads(text)
    assert found["equal"] == (code == 0)
    return found


def assert_the_known_difference(found: dict[str, Any]) -> None:
    assert found["faces"]["added"] == {"count": 1, "first": ["train-0021"]}
    assert found["faces"]["changed"] == {"count": 1, "first": ["train-0003"]}
    assert [array["array"] for array in found["arrays"] if array["changed"]] == ["image"]


def assert_only_what_differs(files: set[str]) -> None:
    """The image that changed, and of all arrays the last shard, which has a face more."""
    shards = {"/".join(file.split("/")[-3:]) for file in files}
    assert {shard for shard in shards if "/c.2" not in shard} == {SHARD}
    assert len(files) == 1 + len(face_spec().all_arrays)


def test_revisions_come_from_dvc_s_cache_without_a_checkout_and_without_a_copy(repo: Path, tmp_path: Path) -> None:
    shutil.rmtree(repo / "data/shards")
    shutil.rmtree(repo.parent / "remote")
    assert_the_known_difference(told("HEAD~1", "HEAD"))
    assert not (tmp_path / "cache").exists()
    assert not (repo / "data/shards").exists()


def test_revisions_come_from_the_remote_where_the_cache_has_them_not_and_only_what_differs(
    repo: Path, tmp_path: Path
) -> None:
    shutil.rmtree(repo / "data/shards")
    shutil.rmtree(repo / ".dvc/cache")
    assert_the_known_difference(told("HEAD~1", "newer"))
    stores = [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]
    assert len(stores) == 2
    for store in stores:
        assert_only_what_differs({file.as_posix() for file in store.rglob("c.*")})


def test_without_a_second_version_the_working_tree_is_compared_and_without_any_with_head(repo: Path) -> None:
    assert_the_known_difference(told("HEAD~1"))
    assert told()["equal"]
    assert_the_known_difference(told("HEAD~1", "data/shards"))


def test_a_repository_in_a_folder_of_another_one_is_read_too(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sub = repo / "sub"
    sub.mkdir()
    dvc(sub, "init", "--subdir", "--quiet")
    build_edited(sub / "faces")
    dvc(sub, "add", "faces")
    git(repo, "add", ".")
    git(repo, "commit", "--message", "a second project")
    monkeypatch.chdir(sub)
    assert told("HEAD", "--path", "faces")["equal"]


def test_a_revision_that_is_nowhere_is_an_error_that_says_how_to_get_it(repo: Path) -> None:
    shutil.rmtree(repo / ".dvc/cache")
    shutil.rmtree(repo.parent / "remote")
    code, text = run("diff", "HEAD~1", "HEAD")
    assert code == 2
    assert "data/shards at HEAD~1: its list of files is neither in DVC's cache" in text
    assert "`dvc push` where that version was made" in text


def test_a_shard_that_is_nowhere_is_named(repo: Path) -> None:
    shutil.rmtree(repo.parent / "remote")
    shutil.rmtree(repo / "data/shards")
    old = build_edited(repo.parent / "old") / SHARD
    for path in (repo / ".dvc/cache").rglob("*"):
        if path.is_file() and path.read_bytes() == old.read_bytes():
            path.chmod(0o644)
            path.unlink()
    code, text = run("diff", "HEAD~1", "HEAD")
    assert code == 2
    assert f"data/shards at HEAD~1: {SHARD} is neither in DVC's cache" in text


def test_a_damaged_copy_in_dvc_s_cache_is_fetched_from_the_remote_and_without_one_named(repo: Path) -> None:
    shutil.rmtree(repo / "data/shards")
    old = (build_edited(repo.parent / "old") / SHARD).read_bytes()
    kept = next(p for p in (repo / ".dvc/cache").rglob("*") if p.is_file() and p.read_bytes() == old)
    kept.chmod(0o644)
    kept.write_bytes(old[:50] + bytes([old[50] ^ 1]) + old[51:])
    assert_the_known_difference(told("HEAD~1", "HEAD"))
    shutil.rmtree(repo.parent / "remote")
    shutil.rmtree(repo.parents[1] / "cache")
    code, text = run("diff", "HEAD~1", "HEAD")
    assert code == 2
    assert f"{kept}, DVC's copy of {SHARD} of data/shards at HEAD~1, is damaged" in text


def test_a_version_that_somebody_put_in_the_place_of_another_is_not_taken_for_it(repo: Path) -> None:
    others = build_edited(repo.parent / "others", spec=face_spec({"train": 22, "val": 3}))
    out = find_out("data/shards", "HEAD~1", remote=False)
    for file in (path.relative_to(others).as_posix() for path in others.rglob("*") if path.is_file()):
        if (kept := out.cached(file)) is not None:
            kept.chmod(0o644)
            kept.write_bytes((others / file).read_bytes())
    shutil.rmtree(repo.parent / "remote")
    with pytest.raises(MissingShardError, match=r"dataset\.json is neither in DVC's cache"):
        open_revision("HEAD~1", "data/shards")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["HEAD~7"], "'HEAD~7' is no URL and no folder here, and as a git revision"),
        (["HEAD", "--path", "data/shrads"], "no out of DVC; give --path one of: data/shards"),
        ([""], "found an empty text, as of a variable that is not set"),
        (["HEAD", "data"], "data is not a faceshards store: it has no dataset.json"),
    ],
)
def test_what_is_no_version_is_answered_with_what_was_looked_for(
    repo: Path, arguments: list[str], expected: str
) -> None:
    code, text = run("diff", *arguments)
    assert code == 2
    assert expected in text
    assert "Traceback" not in text


def test_without_dvc_the_extra_is_named(made: Path) -> None:
    code = "import sys; sys.modules['dvc'] = None; from faceshards.cli import main; main(['diff', 'HEAD~1'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=made / "repo", capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'faceshards[pipeline]'" in done.stderr


def test_a_url_is_compared_with_a_folder_and_only_what_differs_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_proxy: None
) -> None:
    monkeypatch.setenv("FACESHARDS_CACHE", str(tmp_path / "cache"))
    old = build_edited(tmp_path / "web/old")
    new = build_edited(tmp_path / "new", painted, face_spec({"train": 22, "val": 3}))
    with serve_folder(tmp_path / "web") as (url, asked):
        assert_the_known_difference(told(f"{url}/old", new))
        assert_only_what_differs({path for path in asked if "/c." in path})
        assert told(f"{url}/old", old)["equal"]


def test_tables_go_to_the_terminal_and_markdown_to_a_pull_request(tmp_path: Path) -> None:
    old, new = build_edited(tmp_path / "old"), build_edited(tmp_path / "new", painted)
    code, text = run("diff", old, new)
    assert code == 1
    assert "changed image" in text
    assert "train-0003" in text
    code, text = run("diff", old, new, "--markdown")
    assert code == 1
    assert "| changed image | 1 | train-0003 |" in text
    code, text = run("diff", old, old)
    assert code == 0
    assert "are the same version" in text


def test_help_says_what_the_exit_status_means() -> None:
    assert "0 where the versions are equal, 1 where they differ, 2 where they could not" in " ".join(
        run("diff", "--help")[1].split()
    )


@pytest.mark.parametrize("trouble", [KeyboardInterrupt, ZeroDivisionError])
def test_an_interrupt_or_a_bug_is_not_told_as_versions_that_differ(
    trouble: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise trouble

    monkeypatch.setattr("faceshards.versions.diff.diff", fails)
    store = build_edited(tmp_path / "a")
    assert run("diff", store, store)[0] == 2


def test_names_with_control_characters_are_json_all_the_same(tmp_path: Path) -> None:
    def named(split: str, row: Row, face: dict[str, NDArray[Any]]) -> None:
        row["identity_name"] = f"Zoë\x85{row['identity_name']}"

    build_edited(tmp_path / "a")
    build_edited(tmp_path / "b", named)
    code, text = run("diff", tmp_path / "a", tmp_path / "b", "--json")
    assert code == 1
    assert "Zoë\\u0085" in text
    assert any("Zoë\x85" in name for name in json.loads(text)["faces"]["relabelled"]["first"])


def test_of_two_forms_neither_is_left_out_in_silence() -> None:
    code, text = run("diff", "--json", "--markdown")
    assert code == 2
    assert "give one of them" in text

"""The repository of a data set, as `faceshards init` makes it from the package."""

import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from dvc_projects import git
from ruamel.yaml import YAML

from faceshards.build.code import code_of
from faceshards.build.lockfile import LOCK, STAGES, entry_of, lock_of_this, read_lock
from faceshards.build.params import load_params
from faceshards.cli import main
from faceshards.errors import ProjectError, SourceNotFoundError
from faceshards.project.create import create
from faceshards.project.files import files_of_template, source_in
from faceshards.project.upgrade import upgrade
from faceshards.store.durable import partial_of

OWN = {"README.md", ".gitignore", ".dvcignore", "dvc.yaml"}
"""Files of a data set that this repository has in another form."""


def test_the_files_of_a_data_set_are_those_of_this_repository(root: Path) -> None:
    for name, data in files_of_template("", None).items():
        if name not in OWN:
            here = (root / name).read_bytes()
            if name == "params.yaml":  # the demo faces are parsed on the CPU everywhere
                here = here.replace(b"  device: cpu\n", b"  device: auto\n")
            assert here == data, f"{name}: run `make template`"


def test_its_stages_are_those_of_this_repository_but_for_the_one_that_follows_edits_of_the_code(root: Path) -> None:
    here = YAML(typ="safe", pure=True).load(root / "dvc.yaml")
    there = YAML(typ="safe", pure=True).load(files_of_template("", None)["dvc.yaml"].decode())
    del here["stages"]["code"]
    assert there == here
    without = "".join((root / "dvc.yaml").read_text().partition("  code:\n")[0])
    assert files_of_template("", None)["dvc.yaml"].decode().startswith(without)


def test_no_file_of_the_template_counts_as_code_of_a_stage() -> None:
    for stage in STAGES:
        assert not [path for path in code_of(entry_of(stage)) if "project" in path]


def test_a_new_repository_has_git_dvc_and_what_the_stages_need(faces: Path) -> None:
    names = {path.relative_to(faces).as_posix() for path in faces.rglob("*") if ".git" not in path.parts[:-1]}
    assert {".git", ".dvc/config", ".dvc/plots/region_bars.json", "dvc.yaml", "params.yaml", LOCK.name} <= names
    assert {"manifests/demo.yaml", "manifests/landmarks.csv", "manifests/facesynthetics_sha256.parquet"} <= names
    assert (faces / "README.md").read_text().startswith("# faces\n")
    assert load_params(faces / "params.yaml").source.path == "manifests/demo.yaml"
    lock = read_lock(faces / LOCK)
    assert lock.stages == lock_of_this().stages
    assert set(lock.files) == names & set(lock.files)


def test_git_as_windows_sets_it_up_changes_no_byte_of_what_digests_are_made_of(faces: Path, tmp_path: Path) -> None:
    git(faces, "add", ".")
    git(faces, "commit", "--message", "a data set")
    git(tmp_path, "clone", "--config", "core.autocrlf=true", str(faces), "clone")
    for path in git(faces, "ls-files").splitlines():
        assert (tmp_path / "clone" / path).read_bytes() == (faces / path).read_bytes(), path


ODD = [
    "my photos",
    "faces: all",
    "007",
    "- x",
    "null",
    "ünï",
    'a "b" #c',
    "a\x85b",
    "a\u2028b",
    "a\x7fb",
    "a\ufffeb",
    "a\nb",
]


@pytest.mark.parametrize("name", ["photos", *ODD])
def test_a_source_of_any_name_is_read_back_as_it_is(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    create(tmp_path / "faces", tmp_path / name)
    params = (tmp_path / "faces/params.yaml").read_text()
    assert load_params(tmp_path / "faces/params.yaml").source.path == str(tmp_path / name) == source_in(params)


def test_a_source_whose_path_params_cannot_hold_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "\udcff").mkdir()
    with pytest.raises(ProjectError, match=r"/\\xff: expected a path of UTF-8"):
        create(tmp_path / "faces", tmp_path / "\udcff")
    assert not (tmp_path / "faces").exists()


@pytest.mark.parametrize(("name", "title"), [("a\nb", "a\\x0ab"), ("\udcff", "\\xff")])
def test_a_folder_of_any_name_is_the_title_of_the_readme_in_a_line(name: str, title: str, tmp_path: Path) -> None:
    create(tmp_path / name)
    assert (tmp_path / name / "README.md").read_text().startswith(f"# {title}\n\n")
    assert upgrade(tmp_path / name).replaced == ()


def test_a_relative_source_is_written_as_it_is_seen_from_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    create(Path("sets/faces"), Path("photos"))
    assert load_params(Path("sets/faces/params.yaml")).source.path == "../../photos"
    create(Path("frames"), Path("manifests/facesynthetics-100.yaml"))
    assert load_params(Path("frames/params.yaml")).source.path == "manifests/facesynthetics-100.yaml"


def test_a_relative_source_is_written_as_seen_from_where_a_link_to_the_repository_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "large/disk/faces").mkdir(parents=True)
    (tmp_path / "faces").symlink_to("large/disk/faces")
    monkeypatch.chdir(tmp_path)
    create(Path("faces"), Path("photos"))
    assert load_params(Path("faces/params.yaml")).source.path == "../../../photos"


def test_a_source_that_is_not_there_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError, match="nowhere"):
        create(tmp_path / "faces", Path("nowhere"))
    assert not (tmp_path / "faces").exists()


def test_a_folder_with_other_files_is_refused_and_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/thesis.tex").touch()
    with pytest.raises(ProjectError, match=r"found a/thesis\.tex"):
        create(tmp_path)
    with pytest.raises(ProjectError, match=r"found thesis\.tex"):
        create(tmp_path / "absent/../a")
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "thesis.tex"]


def test_nothing_is_written_through_a_link_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/demo.yaml").write_text("mine")
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces/manifests").symlink_to(tmp_path / "mine")
    with pytest.raises(ProjectError, match="found manifests"):
        create(tmp_path / "faces")
    assert (tmp_path / "mine/demo.yaml").read_text() == "mine"


def test_a_run_that_was_stopped_is_taken_up_and_a_finished_one_is_not_done_again(faces: Path) -> None:
    (faces / LOCK).unlink()
    (faces / "dvc.yaml").rename(partial_of(faces / "dvc.yaml"))
    create(faces)
    assert not list(faces.glob("*.partial"))
    assert (faces / LOCK).is_file()
    with pytest.raises(ProjectError, match="--upgrade"):
        create(faces)


def test_within_a_git_repository_no_other_one_is_made(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    create(tmp_path / "faces")
    assert not (tmp_path / "faces/.git").exists()


def test_in_a_folder_that_git_ignores_it_is_a_repository_of_its_own_for_dvc_refuses_ignored_stages(
    tmp_path: Path,
) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("/data/\n")
    create(tmp_path / "data" / "faces")
    ignored = subprocess.run(["git", "check-ignore", "dvc.yaml"], cwd=tmp_path / "data" / "faces", check=False)
    assert ignored.returncode == 1


def test_init_says_what_it_recognised_and_what_to_do_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for person in ("ann", "bob"):
        (tmp_path / "photos" / person).mkdir(parents=True)
        for n in range(2):
            cv2.imwrite(str(tmp_path / f"photos/{person}/{n}.png"), np.full((4, 4, 3), n, np.uint8))
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["init", "faces", "--source", "photos"])
    assert done.output == (
        "faces: the repository of a data set, of 4 pictures of 2 people (imagefolder) from ../photos\n"
        "\nNext:\n  cd faces\n  dvc repro\n"
    )


def test_init_with_a_source_that_cannot_be_used_says_why_and_what_to_do_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["init", "faces", "--source", "photo.jpg"])
    assert "cannot be used as it is" in done.output
    assert done.output.endswith(
        "Next:\n  cd faces\n  edit params.yaml, until `faceshards check` finds nothing\n  dvc repro\n"
    )


def test_init_quotes_the_folder_and_says_that_it_was_made_where_the_system_refuses_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: object) -> str:
        raise PermissionError(13, "Permission denied", "photos/bob")  # as of root's files; tests may run as root

    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("faceshards.project.recognise.recognised", refused)
    done = CliRunner().invoke(main, ["init", "my faces", "--source", "photos"])
    assert done.exit_code == 0
    assert "cannot be used as it is: [Errno 13] Permission denied: 'photos/bob'" in done.output
    assert "\n  cd 'my faces'\n" in done.output

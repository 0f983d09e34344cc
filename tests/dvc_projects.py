"""Projects and repositories as their users have them, and the commands `dvc` and `git` run there."""

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from forked import Forked
from small_pipeline import RECIPE

from faceshards.build.lockfile import LOCK, lock_of_this, write_lock

_PARTS = (
    *("dvc.yaml", "params.yaml", "manifests", "stages", "pipeline", "reports/.gitignore", ".gitignore"),
    *(".dvc/.gitignore", ".dvc/config", ".dvc/plots", ".dvcignore"),
)


# Most of what a short command of DVC's takes is spent on these.
_IMPORTS = (
    *("dvc.cli.parser", "dvc.data_cloud", "dvc.rwlock", "networkx", "rich.progress", "scmrepo.git"),
    *(f"dvc.repo.{name}" for name in ("graph", "index", "metrics", "open_repo", "plots", "reproduce")),
)


@cache
def _dvc() -> Forked:
    return Forked(os.environ, _IMPORTS)


def copy_of_the_project(root: Path, to: Path) -> Path:
    """The project with ten small faces in shards of four, for one worker; no git repository."""
    for name in _PARTS:
        source, target = root / name, to / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "shards.sha256", "parser", "cache", "tmp")
            shutil.copytree(source, target, symlinks=True, ignore=ignored)
        else:
            shutil.copy(source, target)
    (to / "manifests/demo.yaml").write_text(RECIPE)
    edit_params(to, "workers: auto", "workers: 1")
    edit_params(to, "shard_rows: 2048", "shard_rows: 4")
    edit_params(to, "chunk_rows: 32", "chunk_rows: 2")
    write_lock(lock_of_this(), to / LOCK)
    dvc(to, "config", "core.no_scm", "true")
    return to


def edit(path: Path, old: str, new: str) -> None:
    """Replace the first place of a text that has to be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def edit_params(project: Path, old: str, new: str) -> None:
    edit(project / "params.yaml", old, new)


def dvc(project: Path, *arguments: str, fails: bool = False) -> str:
    """Run dvc with this environment first on the path, as an activated one has it, and the project's package in it."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    own = project / "pipeline"
    packages = {"PYTHONPATH": str(own)} if own.is_dir() else {}
    done = _dvc().run(["-m", "dvc", *arguments], project, {**os.environ, "PATH": path, **packages})
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def ran(output: str) -> list[str]:
    """The stages that `dvc repro` says it ran."""
    return re.findall(r"^Running stage '(\w+)'", output, re.M)


def git(repo: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=tester", "-c", "user.email=tester@localhost", "-c", "init.defaultBranch=main"]
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=repo, check=True, capture_output=True, text=True).stdout

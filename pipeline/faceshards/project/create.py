"""A new repository for a data set: files, git, DVC."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from faceshards.build.lockfile import LOCK, lock_of_this, write_lock
from faceshards.errors import ProjectError, SourceNotFoundError
from faceshards.project.files import digest, files_of_template
from faceshards.source.names import shown
from faceshards.store.durable import sweep_of, write_file

_NAMED = 5
_RECIPES = Path("manifests")


def create(folder: Path, source: Path | None = None) -> None:
    """Make a folder the repository of a data set: git, DVC, params, stages, a README, and `faceshards.lock`.

    A run that was stopped is taken up again: the lock comes last. In a git repository that does not ignore the folder,
    the folder becomes a part of it; else it gets a repository of its own.

    Args:
        folder: not there, empty, or an empty git repository.
        source: where the faces lie, absolute or relative to the working directory; or a recipe that the new
            repository has, such as ``manifests/facesynthetics-100.yaml``. None for the rendered demo.

    Raises:
        ProjectError: the folder is the repository of a data set already, or holds other files; or git is not there; or
            the source's path is no UTF-8.
        SourceNotFoundError: there is nothing at the source.

    Example:
        >>> create(Path("faces"), Path("photos"))
        >>> Path("faces/dvc.yaml").is_file()
        True
    """
    if (folder.resolve() / LOCK).exists():
        raise ProjectError(
            f"{folder}: expected a folder without a data set; found {LOCK}; `faceshards init --upgrade` takes over a "
            "new release"
        )
    if folder.exists() and not folder.is_dir():
        raise ProjectError(f"{folder}: expected a folder, or nothing; found a file; name another place")
    files = files_of_template(shown(folder.resolve().name), _source_path(source, folder))
    for name in (*files, str(LOCK)):  # what a run that was stopped left
        sweep_of(folder / name)
    _refuse_others(folder, files)
    _begin_git(folder)
    for name, data in files.items():
        write_file(folder / name, data)
    write_lock(lock_of_this({name: digest(data) for name, data in files.items()}), folder / LOCK)


def _source_path(source: Path | None, folder: Path) -> str | None:
    if source is None:
        return None
    if source.exists():
        # The last part is left as it is: where it is a link, it is the link that the user means.
        there = source.parent.resolve() / source.name
        path = str(source) if source.is_absolute() else os.path.relpath(there, folder.resolve())
        try:
            path.encode()
        except UnicodeEncodeError as error:
            raise ProjectError(
                f"--source {shown(path)}: expected a path of UTF-8, for params.yaml holds no other; rename it, or give "
                "a link to it"
            ) from error
        return path
    if source.parent == _RECIPES and source.as_posix() in files_of_template("", None):
        return source.as_posix()
    raise SourceNotFoundError(
        f"--source {source}: expected a folder, a zip, a .rec or a recipe; found nothing at {source.absolute()}; check "
        "the path"
    )


def _refuse_others(folder: Path, files: dict[str, bytes]) -> None:
    """Refuse a folder with a file that is not exactly what would be written there.

    Raises:
        ProjectError: naming some of them.
    """
    said, folder = folder, folder.resolve()  # "absent/../photos" is there once mkdir has made its way to it
    if not folder.is_dir():
        return
    if others := list(islice(_others(folder, files), _NAMED + 1)):
        named = ", ".join(shown(name) for name in sorted(others)[:_NAMED])
        more = " and more" if len(others) > _NAMED else ""
        raise ProjectError(
            f"{said}: expected an empty folder, or none; found {named}{more}; name another folder. Faces that lie "
            f"there stay there: faceshards init ANOTHER --source {shown(str(said))}"
        )


def _others(folder: Path, files: dict[str, bytes]) -> Iterator[str]:
    """The files of a folder, but for those of git, that are not exactly what would be written there.

    A link to a folder counts where a file would be written through it.
    """
    written_to = {parent.as_posix() for path in files for parent in Path(path).parents}
    for at, folders, names in os.walk(folder):
        if Path(at) == folder and ".git" in folders:
            folders.remove(".git")
        here = ((Path(at) / name).relative_to(folder).as_posix() for name in folders if (Path(at) / name).is_symlink())
        yield from (path for path in here if path in written_to)
        for name in names:
            path = (Path(at) / name).relative_to(folder).as_posix()
            if path not in files or (folder / path).read_bytes() != files[path]:
                yield path


def _begin_git(folder: Path) -> None:
    git = shutil.which("git")
    if git is None:
        raise ProjectError(
            "expected git, which keeps the versions of a data set; found none on this machine; install it"
        )
    folder.mkdir(parents=True, exist_ok=True)
    inside = subprocess.run([git, "rev-parse", "--git-dir"], cwd=folder, capture_output=True, check=False)
    # DVC refuses a dvc.yaml that git ignores, so an ignored folder of another repository needs one of its own.
    ignored = subprocess.run([git, "check-ignore", "--quiet", "."], cwd=folder, capture_output=True, check=False)
    if inside.returncode == 0 and ignored.returncode != 0:
        return
    done = subprocess.run([git, "init", "--quiet"], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ProjectError(f"git init in {folder} failed: {done.stderr.strip()}")

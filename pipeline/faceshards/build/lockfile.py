"""`faceshards.lock`: which code a data set is made by, so that another release never goes on with it unseen.

The stages of `dvc.yaml` depend on their digest in this file. Each also holds the installed package against it when it
starts. So a new release runs what it changes, and nothing before somebody takes it over.
"""

from collections.abc import Mapping
from dataclasses import field
from importlib.metadata import version
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from faceshards.build.code import code_digest
from faceshards.errors import OtherCodeError
from faceshards.store.durable import write_file
from faceshards.yamlfile import read_yaml

LOCK = Path("faceshards.lock")
"""Where it lies in a repository."""
STAGES = ("inputs", "download", "plan", "align", "parse", "erase", "verify", "report")
"""In the order of `dvc.yaml`."""
PACKAGE = Path(__file__).resolve().parents[1]
"""The package that runs."""
_OWN_PACKAGE = Path("pipeline/faceshards")
_HEAD = """\
# Which faceshards made this data set: its release and, by stage, what the stage's code comes to. To be committed.
# {by} writes it.
"""


@dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True))
class Lock:
    """What the file holds.

    Attributes:
        version: the release of faceshards.
        stages: SHA-256 of the code of each stage, 64 hexadecimal digits: comments and docstrings do not count.
        files: SHA-256 of each file as `faceshards init` wrote it, by path; empty where nothing was written so.
    """

    version: str
    stages: dict[str, str]
    files: dict[str, str] = field(default_factory=dict)


def lock_of_this(files: Mapping[str, str] | None = None) -> Lock:
    """The lock of the package that runs.

    Args:
        files: of the lock.

    Example:
        >>> lock_of_this().version
        '0.1.0'
    """
    return Lock(release(), {stage: digest_of_stage(stage) for stage in STAGES}, dict(files or {}))


def release() -> str:
    """Of the package that is installed. From its metadata: a module that holds it would count as code of all stages."""
    return version("faceshards")


def entry_of(stage: str) -> str:
    """The module of a stage's command: ``"faceshards.stages.align"``."""
    return f"faceshards.stages.{stage}"


def digest_of_stage(stage: str) -> str:
    """SHA-256 of all code that a stage runs, 64 hexadecimal digits."""
    return code_digest(entry_of(stage))


def write_lock(lock: Lock, path: Path = LOCK) -> None:
    """Write the file, the same bytes for the same lock."""
    by = "`faceshards init`" if lock.files else "The stage `code`"
    # In quotes: digits alone would be a number.
    lines = [
        f'version: "{lock.version}"',
        "stages:",
        *(f'  {name}: "{digest}"' for name, digest in lock.stages.items()),
    ]
    if lock.files:
        lines += [
            "# The files as `faceshards init` wrote them. What you edited since stays yours in an upgrade.",
            "files:",
        ]
        lines += [f'  {name}: "{digest}"' for name, digest in sorted(lock.files.items())]
    write_file(path, (_HEAD.format(by=by) + "\n".join(lines) + "\n").encode())


def read_lock(path: Path = LOCK) -> Lock:
    """Read the file.

    Raises:
        FileNotFoundError: it is not there.
        ParamsError: it holds something else.
    """
    return read_yaml(path, TypeAdapter(Lock))


def check_code(stage: str, folder: Path = Path()) -> None:
    """See that the package that runs is the one that the data set in a folder is made by.

    A folder without `dvc.yaml` is no repository of a data set, and takes any.

    Raises:
        OtherCodeError: the code of the stage is another one, or the repository has no lock.
        ParamsError: the lock holds something else.
    """
    path = folder / LOCK
    own = (folder / _OWN_PACKAGE).is_dir()
    if not path.is_file():
        if not (folder / "dvc.yaml").is_file():
            return
        remedy = (
            "`dvc repro`, whose stage code writes it" if own else "`faceshards init --upgrade`, or take it from git"
        )
        raise OtherCodeError(
            f"{path}: expected the digests of the code that makes this data set; found no file; run {remedy}"
        )
    lock, found = read_lock(path), digest_of_stage(stage)
    made = lock.stages.get(stage, "none")
    if made == found:
        return
    if own:
        remedy = "`dvc repro` takes an edit over; so does `faceshards stage code`"
        if (folder / _OWN_PACKAGE).resolve() != PACKAGE:
            remedy = f"install the package of this repository: pip install --editable {folder.resolve()}[pipeline]"
    else:
        remedy = "`faceshards init --upgrade` takes what is installed over, and `dvc repro` then runs what it changes"
        if lock.version != release():
            remedy += f"; pip install faceshards=={lock.version} goes back"
    raise OtherCodeError(
        f"{path}: this data set is made by faceshards {lock.version}, whose stage {stage} has the digest {made[:12]}; "
        f"found faceshards {release()} in {PACKAGE}, where it has {found[:12]}; {remedy}"
    )


def check_own_package(folder: Path = Path()) -> None:
    """See that in the repository of the package, the package that runs is the one that lies there.

    Raises:
        OtherCodeError: it is another one.
    """
    own = folder / _OWN_PACKAGE
    if own.is_dir() and own.resolve() != PACKAGE:
        raise OtherCodeError(
            f"expected the package of this repository, {own.resolve()}; found that {PACKAGE} runs; install it: pip "
            f"install --editable {folder.resolve()}[pipeline]"
        )

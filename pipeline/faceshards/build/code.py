"""What the code of a stage comes to: the modules that it imports and the data files that they read, each by digest.

The same listing decides what `dvc repro` runs again (`lockfile` has its digest, where dvc.yaml looks) and whether a
killed run goes on where it stood (`workdir`). An edit of a comment or a docstring changes nothing in it.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from faceshards.build.pythonfile import PythonFile, read_python

_PACKAGE = "faceshards"
_NO_DATA = frozenset({".py", ".pyc", ".typed"})


def code_of(entry: str) -> dict[str, str]:
    """Digests of all code that a module runs.

    It is found by reading the files, not by importing them. A module of this package or of the entry's counts when it
    is imported at any depth, at the top of a file or inside a function. A package's own ``__init__.py`` counts when a
    name is taken from it: it runs for every module below it, but holds nothing other than names of those.

    A data file of this package (network weights, tables, templates) counts when a module that counts holds its name,
    or the name of its folder, as a string. A file that no module beside it names counts for all of them.

    Args:
        entry: dotted name of the module to begin with: ``"faceshards.build.align"``, ``"faceshards.stages.align"``.

    Returns:
        By path, such as ``"faceshards/ops/mesh.py"``, in order: SHA-256 of a module without comments and docstrings,
        and of a data file's bytes.

    Raises:
        ModuleNotFoundError: there is no such module.

    Example:
        >>> "faceshards/ops/mesh_map.json" in code_of("faceshards.build.align")
        True
    """
    tops = {name: _folder(name) for name in (_PACKAGE, entry.partition(".")[0])}
    modules: dict[str, _Module] = {}
    waiting = [_Module(entry, tops)]
    while waiting:
        module = waiting.pop()
        if module.name not in modules:
            modules[module.name] = module
            waiting += module.imported
    listing = {module.label: module.file.digest for module in modules.values()}
    names: set[str] = set().union(*(module.file.strings for module in modules.values()))
    for path in _data_files(tops[_PACKAGE]):
        if _counts(path, tops, names, set(modules)):
            label = f"{_PACKAGE}/{path.relative_to(tops[_PACKAGE]).as_posix()}"
            listing[label] = hashlib.sha256(path.read_bytes()).hexdigest()
    return dict(sorted(listing.items()))


def code_digest(entry: str) -> str:
    """SHA-256 of `code_of` a module, 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(code_of(entry)).encode()).hexdigest()


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """What differs between two listings: ``"added"``, ``"removed"`` or ``"changed"``, by path, in order."""
    return {
        path: "added" if path not in before else "removed" if path not in after else "changed"
        for path in sorted({**before, **after})
        if before.get(path) != after.get(path)
    }


class _Module:
    """A module of one of the packages in `tops`, which are given as folders by name."""

    def __init__(self, name: str, tops: Mapping[str, Path]) -> None:
        path = _path(name, tops)
        if path is None:
            raise ModuleNotFoundError(f"no module {name!r} in {' and '.join(map(str, tops.values()))}", name=name)
        self.name = name
        self._path = path
        self._tops = tops

    @property
    def label(self) -> str:
        top = self.name.partition(".")[0]
        return f"{top}/{self._path.relative_to(self._tops[top]).as_posix()}"

    @cached_property
    def file(self) -> PythonFile:
        return read_python(self._path, self.name)

    @property
    def imported(self) -> "Iterator[_Module]":
        for name in self.file.imports:
            for candidate in (name, name.rpartition(".")[0]):
                if _path(candidate, self._tops) is not None:
                    yield _Module(candidate, self._tops)
                    break


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"no package {package!r} on the path of this Python", name=package)
    return Path(spec.submodule_search_locations[0])


def _path(name: str, tops: Mapping[str, Path]) -> Path | None:
    """The file of a module; None where the name is of none, or of a module of others."""
    top, _, rest = name.partition(".")
    if top not in tops:
        return None
    base = tops[top].joinpath(*rest.split(".")) if rest else tops[top]
    candidates = [base / "__init__.py"] if not rest else [base / "__init__.py", base.with_name(f"{base.name}.py")]
    return next((path for path in candidates if path.is_file()), None)


def _data_files(package: Path) -> Iterator[Path]:
    for path in package.rglob("*"):
        hidden = any(part[0] == "." or part == "__pycache__" for part in path.relative_to(package).parts)
        if not hidden and path.suffix not in _NO_DATA and path.is_file():
            yield path


def _counts(path: Path, tops: Mapping[str, Path], names: set[str], modules: set[str]) -> bool:
    """Whether modules of these names, whose code holds these strings, read a data file."""
    called = {path.name}
    home = path.parent
    while not (home / "__init__.py").is_file():
        called.add(home.name)
        home = home.parent
    if called & names:
        return True
    package = ".".join([_PACKAGE, *home.relative_to(tops[_PACKAGE]).parts])
    beside = [f"{package}.{module.stem}" for module in home.glob("*.py")]
    if not modules.intersection(beside):
        return False
    return not any(called & _Module(name, tops).file.strings for name in beside if not name.endswith("__init__"))

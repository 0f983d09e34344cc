"""What a Python file does, apart from how it is written: its digest, what it imports, and which strings it holds."""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_SILENT = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
"""Fields of the syntax tree that say nothing which the rest of it does not."""


@dataclass(frozen=True)
class PythonFile:
    """A module, read but not run.

    Attributes:
        digest: SHA-256 of its syntax tree without docstrings, 64 hexadecimal digits.
        imports: absolute dotted names of what it imports anywhere, inside functions too; those under
            ``if TYPE_CHECKING:``, which never run, are left out. ``from a import b`` gives ``a.b``, whether `b` is a
            module or a name in `a`.
        strings: the strings in its code.
    """

    digest: str
    imports: frozenset[str]
    strings: frozenset[str]


def read_python(path: Path, module: str) -> PythonFile:
    """Read a module. Comments, docstrings, blank lines and the breaking of lines change nothing of what comes back.

    The digest is of a writing of the tree that leaves out fields that are empty or absent, because newer releases of
    Python add such fields. It therefore rests on what `ast.parse` says, and on no `ast.dump` or `ast.unparse`, whose
    output differs between releases.

    Args:
        path: the file.
        module: its dotted name, to which its relative imports are relative.

    Raises:
        SyntaxError: it is no Python.
    """
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return _read(path.read_bytes(), str(path), package)


@lru_cache(maxsize=1024)
def _read(source: bytes, filename: str, package: str) -> PythonFile:
    # Kept by what the file holds, for the stages share most modules: every list of code reads each of them again.
    reading = _Reading(package)
    reading.walk(ast.parse(source, filename=filename))
    return PythonFile(
        digest=hashlib.sha256("".join(reading.text).encode()).hexdigest(),
        imports=frozenset(reading.imports),
        strings=frozenset(reading.strings),
    )


class _Reading:
    """One walk through a syntax tree."""

    def __init__(self, package: str) -> None:
        self.text: list[str] = []
        self.imports: set[str] = set()
        self.strings: set[str] = set()
        self._package = package
        self._runs = True

    def walk(self, node: ast.AST) -> None:
        if isinstance(node, ast.Constant):
            # `ascii`, because which characters `repr` shows as they are depends on the release's Unicode tables.
            self.text.append(f"{type(node.value).__name__} {node.value!a},")
            if isinstance(node.value, str):
                self.strings.add(node.value)
            return
        if self._runs and isinstance(node, ast.Import | ast.ImportFrom):
            self.imports.update(_imported(node, self._package))
        only_types = isinstance(node, ast.If) and _is_for_types(node.test)
        self.text.append(f"{type(node).__name__}(")
        for name in node._fields:
            field = getattr(node, name, None)
            if field is None or field == [] or name in _SILENT:
                continue
            self.text.append(f"{name}=")
            if only_types and name == "body":
                runs, self._runs = self._runs, False
                self._field(field)
                self._runs = runs
            else:
                self._field(field)
        self.text.append("),")

    def _field(self, value: object) -> None:
        if isinstance(value, ast.AST):
            self.walk(value)
        elif isinstance(value, list):
            self.text.append("[")
            for item in value:
                if not _is_docstring(item):
                    self._field(item)
            self.text.append("],")
        else:
            self.text.append(f"{value!a},")


def _is_docstring(node: object) -> bool:
    """Whether a statement is a string alone: a docstring, or the note under a constant."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imported(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    parents = package.split(".")
    above = ".".join(parents[: len(parents) - node.level + 1]) if node.level else ""
    base = ".".join(name for name in (above, node.module) if name)
    yield from (f"{base}.{alias.name}" for alias in node.names)


def _is_for_types(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )

"""What a Python file does, apart from how it is written: its digest, what it imports, and which strings it holds."""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
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
    tree = ast.parse(path.read_bytes(), filename=str(path))
    text: list[str] = []
    _write(tree, text)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return PythonFile(
        digest=hashlib.sha256("".join(text).encode()).hexdigest(),
        imports=frozenset(_imports(tree, package)),
        strings=frozenset(_strings(tree)),
    )


def _write(value: object, text: list[str]) -> None:
    if isinstance(value, ast.Constant):
        # `ascii`, because which characters `repr` shows as they are depends on the release's Unicode tables.
        text.append(f"{type(value.value).__name__} {value.value!a},")
    elif isinstance(value, ast.AST):
        text.append(f"{type(value).__name__}(")
        for name, field in ast.iter_fields(value):
            if name not in _SILENT and field is not None and field != []:
                text.append(f"{name}=")
                _write(field, text)
        text.append("),")
    elif isinstance(value, list):
        text.append("[")
        for item in value:
            if not _is_docstring(item):
                _write(item, text)
        text.append("],")
    else:
        text.append(f"{value!a},")


def _is_docstring(node: object) -> bool:
    """Whether a statement is a string alone: a docstring, or the note under a constant."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _strings(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.value
        if not _is_docstring(child):
            yield from _strings(child)


def _imports(node: ast.AST, package: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            parents = package.split(".")
            above = ".".join(parents[: len(parents) - child.level + 1]) if child.level else ""
            base = ".".join(name for name in (above, child.module) if name)
            yield from (f"{base}.{alias.name}" for alias in child.names)
        elif isinstance(child, ast.If) and _is_for_types(child.test):
            for other in child.orelse:
                yield from _imports(ast.Module([other], []), package)
        else:
            yield from _imports(child, package)


def _is_for_types(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )

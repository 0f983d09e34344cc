"""What is public, read from the sources without importing them, and the pages of the reference."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# Modules of which `__all__` is public, with the extra that they need.
LISTED = {
    "faceshards": None,
    "faceshards.transforms": "torch",
    "faceshards.cam": "cam",
    "faceshards.parsing": "pipeline",
    "faceshards.regions": None,
}
# Public names of modules that have others as well.
CHOSEN = {
    "faceshards.transforms.albumentations": ("albumentations", ["FSErasing"]),
    "faceshards.parsing.onnxexport": ("onnx-export", ["export_onnx"]),
}
# Methods of public classes that other modules of the package call, and nobody else.
INTERNAL = {
    "faceshards.Cache": ("hold", "drop"),
    "faceshards.Dataset": ("bound",),
    "faceshards.Erase": ("apply",),
    "faceshards.Shuffle": ("reach",),
    "faceshards.transforms.albumentations.FSErasing": (
        *("apply", "get_params_dependent_on_data", "get_transform_init_args", "py_random", "targets_as_params"),
    ),
}
ERRORS = "faceshards.errors"


class Module(NamedTuple):
    """One page of the reference.

    Attributes:
        name: to import.
        extra: of the package that it needs, or None.
        names: that are public.
    """

    name: str
    extra: str | None
    names: list[str]

    @property
    def page(self) -> str:
        return f"docs/reference/{self.name}.md"

    def markdown(self) -> str:
        needs = f"Needs `faceshards[{self.extra}]`.\n\n" if self.extra else ""
        return f"# {self.name}\n\n{needs}" + "".join(_entry(f"{self.name}.{name}") for name in self.names)


def _entry(name: str) -> str:
    filters = "".join(f', "!^{method}$"' for method in INTERNAL.get(name, ()))
    return f'::: {name}\n    options:\n      filters: ["!^_"{filters}]\n\n'


def modules(sources: Path) -> Iterator[Module]:
    """Every public module, as its sources say."""
    for name, extra in LISTED.items():
        yield Module(name, extra, [public for public in _all(_tree(sources, name)) if not public.startswith("__")])
    for name, (extra, names) in CHOSEN.items():
        yield Module(name, extra, names)
    classes = [node.name for node in _tree(sources, ERRORS).body if isinstance(node, ast.ClassDef)]
    yield Module(ERRORS, None, classes)


def _tree(sources: Path, module: str) -> ast.Module:
    path = sources.joinpath(*module.split("."))
    return ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text())


def _all(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "__all__" for to in node.targets):
            return list(ast.literal_eval(node.value))
    raise ValueError("a public module without __all__")

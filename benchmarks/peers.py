"""Libraries to compare with: imported only when a benchmark asks, and named when they are missing."""

import importlib
import sys
from types import ModuleType


def peer(module: str) -> ModuleType | None:
    """A module, or None with a word on standard error where it is not installed or does not load."""
    # torchvision of the package index is built for CUDA: beside a CPU torch these two fail. They only describe its
    # compiled operators, which the transforms do not use.
    for name in ("torchvision._meta_registrations", "torchvision._autograd_registrations"):
        sys.modules.setdefault(name, ModuleType(name))
    try:
        return importlib.import_module(module)
    except (ImportError, RuntimeError) as error:
        print(f"left out: {module} ({error})", file=sys.stderr)
        return None

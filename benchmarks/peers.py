"""Libraries to compare with: imported only when a benchmark asks, and named when they are missing."""

import importlib
import runpy
import sys
from pathlib import Path
from types import ModuleType

BESIDE_CPU_TORCH = Path(__file__).parents[1] / "tests/cpu_torchvision/sitecustomize.py"


def peer(module: str) -> ModuleType | None:
    """A module, or None with a word on standard error where it is not installed or does not load."""
    runpy.run_path(str(BESIDE_CPU_TORCH))
    try:
        return importlib.import_module(module)
    except (ImportError, RuntimeError) as error:
        print(f"left out: {module} ({error})", file=sys.stderr)
        return None

"""`make gpu` is for machines with a GPU, which may have no more than PyTorch, numpy, zarr, pyarrow and OpenCV."""

import os
import subprocess
import sys
from pathlib import Path

BARE = '''
import importlib, sys
from importlib.machinery import PathFinder
from pathlib import Path

ABSENT = {"pydantic", "ruamel", "tqdm", "click", "dask", "distributed", "dvc", "pandas", "safetensors", "zstandard",
    "requests", "urllib3", "scipy", "PIL", "torchvision", "onnxruntime", "matplotlib", "pynvml"}

class Bare:
    """Finds what is installed, but for what is to be absent."""

    invalidate_caches = PathFinder.invalidate_caches

    @staticmethod
    def find_spec(name, path=None, target=None):
        return None if name.partition(".")[0] in ABSENT else PathFinder.find_spec(name, path, target)

sys.meta_path[:] = [Bare if finder is PathFinder else finder for finder in sys.meta_path]
from gpu_check import CHECKS
modules = {module for module, _ in CHECKS.values()}
for module in sorted(modules):
    importlib.import_module(module)
print(len(modules), sorted(ABSENT & set(sys.modules)))
'''


def test_every_check_of_make_gpu_imports_without_the_libraries_of_the_pipeline(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BARE],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{root / 'pipeline'}{os.pathsep}{root / 'benchmarks'}"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split(maxsplit=1) == ["11", "[]\n"]

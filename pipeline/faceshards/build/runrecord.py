"""How a run of a stage was made: by which builds of the libraries, on what machine, how long.

None of it decides the bytes that a stage writes, and no stage depends on it. `provenance` tells what does.
"""

import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from faceshards.build.params import RunParams
from faceshards.store.durable import write_file

_PACKAGES = (
    "faceshards",
    "dask",
    "distributed",
    "dvc",
    "numcodecs",
    "numpy",
    "onnxruntime",
    "opencv-python",
    "pyarrow",
    "torch",
    "zarr",
    "zstandard",
)
_CPUINFO = Path("/proc/cpuinfo")


@contextmanager
def run_record(path: Path, run: RunParams) -> Iterator[None]:
    """Write a JSON file about what is done meanwhile, also where it fails.

    It holds ``started`` (UTC, ISO 8601), ``seconds``, ``ok``, ``python``, ``platform``, ``processor``, ``cores``,
    ``gpus`` (names; empty where PyTorch was not used), ``packages`` (versions with their build tags) and ``run``, the
    section of the params. All of it is of the machine that the command ran on; workers of a Dask cluster may run on
    others.

    Args:
        path: the file; its folder is made.
        run: how the stage runs.
    """
    started, clock, ok = datetime.now(UTC), time.monotonic(), False
    try:
        yield
        ok = True
    finally:
        record = {
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - clock, 3),
            "ok": ok,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "processor": processor(),
            "cores": os.cpu_count(),
            "gpus": _gpus(),
            "packages": _packages(),
            "run": asdict(run),
        }
        # What the stage raises is worth more than a record of it, which a full disk does not take either.
        with nullcontext() if ok else suppress(OSError):
            write_file(path, (json.dumps(record, indent=2) + "\n").encode())


def _packages() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    # Wheels from PyPI leave the build out of their version; the module knows it.
    torch: Any = sys.modules.get("torch")
    return found if torch is None else {**found, "torch": str(torch.__version__)}


def processor() -> str:
    """The processor of this machine, as its maker names it."""
    if _CPUINFO.is_file():
        for line in _CPUINFO.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _gpus() -> list[str]:
    torch: Any = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]

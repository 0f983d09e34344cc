"""Programs that train in several processes, started as a user starts them."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
TESTS = HERE.parent
ROOT = TESTS.parent
FOR_EVERY_PROCESS = (TESTS / "cpu_torchvision", HERE, TESTS, ROOT / "pipeline")


def environment(**extra: str) -> dict[str, str]:
    """This process's, without what says that it is one of several; torch gets one thread a process."""
    ours = {name: value for name, value in os.environ.items() if name not in ("RANK", "LOCAL_RANK", "WORLD_SIZE")}
    path = os.pathsep.join([*map(str, FOR_EVERY_PROCESS), os.environ.get("PYTHONPATH", "")])
    return ours | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "JAX_PLATFORMS": "cpu"} | extra


def run(command: list[object], timeout: float = 180, **extra: str) -> str:
    """What a program prints; fails with what it said where it fails."""
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env=environment(**extra),
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def torchrun(script: str, *args: object, processes: int = 2) -> str:
    """Run one of the scripts of this folder in several processes on this machine."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", processes]
    return run([*launcher, HERE / script, *args])

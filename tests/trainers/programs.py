"""Programs that train in several processes, started as a user starts them."""

from collections.abc import Sequence
from pathlib import Path

from forked import run_with_torch

HERE = Path(__file__).parent


def run(command: Sequence[object], imports: Sequence[str] = ()) -> str:
    """What a program prints, which finds `imports` imported; fails with what it said where it fails."""
    done = run_with_torch(*command, imports=imports)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def torchrun(script: str, *args: object) -> str:
    """Run one of the scripts of this folder in two processes on this machine."""
    return run(["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2, HERE / script, *args])


def as_two_ranks(script: str, *args: object, imports: Sequence[str]) -> str:
    """The same, but that the processes find `imports` imported."""
    return run([HERE / "two_ranks.py", HERE / script, *args], imports)

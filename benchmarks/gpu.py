"""Check and time all that faceshards does on a GPU against the CPU's answer, in less than 8 minutes.

    make gpu                       on a machine with CUDA: writes docs/gpu.json and docs/gpu.md
    python benchmarks/gpu.py [--seconds 470] [--out docs/gpu.json] [--source FACES] [--only pixels speed]

It needs PyTorch, numpy, zarr with its codecs, pyarrow and OpenCV, and `pipeline/` on PYTHONPATH where faceshards is not
installed (`make gpu` sees to it). What it can use besides, and what it leaves out without, is told in the result.

Each check is a process of its own with a time limit: one that fails, hangs or ends the driver's context stops no other,
and what it had found until then is kept. The result is written after each. Without CUDA the same checks run in small
on the CPU, to see that they run; that measures nothing and is never written over docs/gpu.json.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

BEGUN = time.monotonic()
DOCS = Path(__file__).parents[1] / "docs"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=470, help="for all of it")
    options.add_argument("--out", type=Path, default=DOCS / "gpu.json", help="the result; the page lies beside it")
    options.add_argument("--source", type=Path, help="labelled faces to train on as well: what params.yaml takes")
    options.add_argument("--weights-out", type=Path, help="keep the network trained for 3 minutes as this .pth file")
    options.add_argument("--work", type=Path, help="folder for what is made on the way; a new one that is removed")
    options.add_argument("--device", choices=("auto", "cpu"), default="auto", help="cpu: a dry run in any case")
    options.add_argument("--only", nargs="+", metavar="CHECK", help="some checks; their names are in the result")
    options.add_argument("--check", help=argparse.SUPPRESS)  # this process is a check of another
    given = options.parse_args()
    if given.check:
        from gpu_check import run_check

        run_check(given.check, given.work, given.device, given.seconds, given.source, given.weights_out, BEGUN)
        return
    from gpu_runner import Run

    with tempfile.TemporaryDirectory(prefix="faceshards-gpu-") as scratch:
        run = Run(Path(__file__), given.work or Path(scratch), given)
        sys.exit(run.all(BEGUN))


if __name__ == "__main__":
    main()

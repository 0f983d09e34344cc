"""Writes the lock: the files of pins and hashes from which `make` installs, and constraints.txt (see README.md here).

Run by `make lock`, in the environment of lock/supply.txt. uv resolves each file from pyproject.toml for all platforms
at once and takes over the hashes of every file of a release from PyPI. Pins that still fit are kept; `--upgrade` takes
the newest releases instead.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).parent
ROOT = LOCK.parent
CONSTRAINTS = ROOT / "constraints.txt"
INDEX = "https://pypi.org/simple"
# These two bring opencv-python-headless, which would take the place of opencv-python.
ALBUMENTATIONS = ("--extra", "albumentations", "--no-emit-package", "opencv-python-headless")
FILES: dict[str, tuple[str, ...]] = {
    "build": ("--group", "build"),
    "pipeline": ("--extra", "pipeline"),
    "dev": ("--extra", "dev", *ALBUMENTATIONS),
    "supply": ("--group", "supply"),
}
EVERYTHING = ("--extra", "dev", "--extra", "dlib", "--extra", "imagenet", *ALBUMENTATIONS, "--group", "build")


def compile_lock(output: Path, wanted: tuple[str, ...], *more: str) -> None:
    """Resolve what pyproject.toml names of `wanted` for Linux and macOS and every Python, one release a package."""
    command = ["uv", "pip", "compile", "--no-config", "--quiet", "--universal", "--fork-strategy", "fewest"]
    command += ["--python-version", "3.11", "--default-index", INDEX, "--no-annotate", "--no-header", *more]
    where = ["pyproject.toml"] if "--extra" in wanted else []
    subprocess.run([*command, *wanted, *where, "--output-file", str(output)], check=True, cwd=ROOT)


def blocks(text: str) -> list[str]:
    """Cut a lock into its requirements, each with the lines of its hashes."""
    found: list[str] = []
    for line in text.splitlines(keepends=True):
        if line.startswith((" ", "\t")):
            found[-1] += line
        else:
            found.append(line)
    return found


def is_cuda(requirement: str) -> bool:
    """Whether only PyTorch's CUDA build on Linux needs this package."""
    return requirement.startswith(("nvidia-", "cuda-", "triton=="))


def with_cpu_builds(requirement: str) -> str:
    """Add the hashes of PyTorch's CPU builds, which PyPI does not have.

    Raises:
        SystemExit: torch-cpu.sha256 has none of the release that was resolved.
    """
    if not requirement.startswith("torch=="):
        return requirement
    version = requirement.removeprefix("torch==").split(maxsplit=1)[0]
    lines = (LOCK / "torch-cpu.sha256").read_text().splitlines()
    hashes = [line.split()[0] for line in lines if f"  torch-{version}+cpu-" in line]
    if not hashes:
        raise SystemExit(
            f"lock/torch-cpu.sha256 has no wheel of torch {version}: take the SHA-256 of its CPU builds for Linux over "
            "from https://download.pytorch.org/whl/cpu/torch/, as `sha256sum` prints them"
        )
    known = requirement.rstrip("\n")
    return known + "".join(f" \\\n    --hash=sha256:{value}" for value in hashes if value not in known) + "\n"


def main() -> None:
    """Write constraints.txt and the files of the lock."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest releases that pyproject.toml allows")
    upgrade = ["--upgrade"] if parser.parse_args().upgrade else []
    compile_lock(CONSTRAINTS, EVERYTHING, *upgrade)
    cuda: dict[str, str] = {}
    for name, wanted in FILES.items():
        output = LOCK / f"{name}.txt"
        # What builds and what looks at the lock may be newer than what runs, but not beside it in one environment.
        pinned = [] if name == "supply" else ["--constraint", "constraints.txt"]
        compile_lock(output, wanted, "--generate-hashes", *pinned, *upgrade)
        requirements = [with_cpu_builds(block) for block in blocks(output.read_text())]
        cuda |= {block.split("==")[0]: block for block in requirements if is_cuda(block)}
        output.write_text("".join(block for block in requirements if not is_cuda(block)))
        print(f"lock/{name}.txt: {sum(not is_cuda(block) for block in requirements)} packages", file=sys.stderr)
    (LOCK / "cuda.txt").write_text("".join(cuda[name] for name in sorted(cuda)))
    print(f"lock/cuda.txt: {len(cuda)} packages", file=sys.stderr)


if __name__ == "__main__":
    main()

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
    """Resolve what pyproject.toml names of `wanted` for all platforms and Pythons, one release a package."""
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


def check_cpu_builds(torch: str) -> None:
    """See that torch-cpu.txt has the CPU builds of the release that was resolved.

    Raises:
        SystemExit: it has those of another one.
    """
    wanted = f"{torch.split(maxsplit=1)[0]}+cpu"
    lines = (LOCK / "torch-cpu.txt").read_text().splitlines()
    found = next(line.split()[0] for line in lines if line.startswith("torch=="))
    if found != wanted:
        raise SystemExit(
            f"lock/torch-cpu.txt: expected {wanted}; found {found}; take over the SHA-256 of its wheels for Linux from "
            "https://download.pytorch.org/whl/cpu/torch/"
        )


def main() -> None:
    """Write constraints.txt and the files of the lock."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest releases that pyproject.toml allows")
    upgrade = ["--upgrade"] if parser.parse_args().upgrade else []
    compile_lock(CONSTRAINTS, EVERYTHING, *upgrade)
    apart: dict[str, dict[str, str]] = {"torch": {}, "cuda": {}}
    for name, wanted in FILES.items():
        output = LOCK / f"{name}.txt"
        compile_lock(output, wanted, "--generate-hashes", "--constraint", "constraints.txt", *upgrade)
        rest = []
        for block in blocks(output.read_text()):
            of = apart["torch"] if block.startswith("torch==") else apart["cuda"] if is_cuda(block) else None
            if of is None:
                rest.append(block)
            else:
                of[block.split("==")[0]] = block
        output.write_text("".join(rest))
    for name, requirements in apart.items():
        (LOCK / f"{name}.txt").write_text("".join(requirements[package] for package in sorted(requirements)))
    check_cpu_builds(apart["torch"]["torch"])
    for name in (*FILES, *apart):
        print(f"lock/{name}.txt: {len(blocks((LOCK / f'{name}.txt').read_text()))} packages", file=sys.stderr)


if __name__ == "__main__":
    main()

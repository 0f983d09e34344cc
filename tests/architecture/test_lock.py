"""The lock: every package with hashes, both builds of PyTorch, the list of licences that of the lock."""

import hashlib
import re
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "lock"
FILES = sorted(path.name for path in LOCK.glob("*.txt"))


def locked(name: str) -> dict[str, tuple[str, int]]:
    """Version and number of hashes of each package of a file."""
    found = {}
    for block in re.split(r"\n(?=\S)", (LOCK / name).read_text()):
        if block.strip() and not block.startswith("#"):
            wanted = Requirement(block.splitlines()[0].rstrip("\\ "))
            (pin,) = wanted.specifier
            assert pin.operator == "=="
            found[canonicalize_name(wanted.name)] = (pin.version, block.count("--hash=sha256:"))
    return found


@pytest.mark.parametrize("name", FILES)
def test_every_package_has_one_version_and_the_hashes_of_its_files(name: str) -> None:
    packages = locked(name)
    assert packages
    assert all(hashes for _, hashes in packages.values())


def test_all_files_and_the_constraints_have_the_same_versions() -> None:
    versions: dict[str, set[str]] = {}
    for name in FILES:
        for package, (version, _) in locked(name).items():
            versions.setdefault(package, set()).add(version.partition("+")[0])
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        package, version = re.match(r"(\S+?)==(\S+)", line).groups()
        versions.setdefault(canonicalize_name(package), set()).add(version)
    assert {package: of for package, of in versions.items() if len(of) > 1} == {}


def test_the_lock_has_both_builds_of_torch_and_what_builds_packages() -> None:
    assert set(locked("torch.txt")) == set(locked("torch-cpu.txt")) == {"torch"}
    assert locked("torch-cpu.txt")["torch"][0] == locked("torch.txt")["torch"][0] + "+cpu"
    assert {"triton", "cuda-toolkit", "nvidia-cublas"} <= set(locked("cuda.txt"))
    assert {"hatchling", "editables", "setuptools", "wheel"} <= set(locked("build.txt"))
    assert not {"torch", "triton"} & (set(locked("dev.txt")) | set(locked("pipeline.txt")))
    assert {"albumentations", "albucore"} <= set(locked("dev.txt"))
    assert "opencv-python-headless" not in locked("dev.txt")


def test_make_installs_nothing_without_a_hash() -> None:
    installs = re.findall(r"^\s.*(?:\$\(PIP\)|pip install).*$", (ROOT / "Makefile").read_text(), re.M)
    assert len(installs) >= 5
    for line in installs:
        assert "--require-hashes" in line or line.strip() == "$(PIP) --editable ."
    assert "--no-deps --no-build-isolation" in (ROOT / "Makefile").read_text()


def wheel(folder: Path, content: str) -> Path:
    """A wheel of one module."""
    path = folder / "locked_thing-1.0-py3-none-any.whl"
    info = "locked_thing-1.0.dist-info"
    files = {
        "locked_thing.py": content,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: locked-thing\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_pip_as_make_calls_it_refuses_a_file_that_was_changed(tmp_path: Path) -> None:
    flags = re.search(r"^PIP := python -m pip (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert flags is not None
    digest = hashlib.sha256(wheel(tmp_path, "x = 1\n").read_bytes()).hexdigest()
    (tmp_path / "lock.txt").write_text(f"locked-thing==1.0 \\\n    --hash=sha256:{digest}\n")
    wheel(tmp_path, "x = 'tampered with'\n")
    command = [
        sys.executable,
        "-m",
        "pip",
        *flags[1].split(),
        "--isolated",
        "--no-index",
        "--find-links",
        str(tmp_path),
    ]
    command += ["--require-hashes", "--target", str(tmp_path / "out"), "--requirement", str(tmp_path / "lock.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_list_of_licences_is_that_of_the_lock() -> None:
    page = (ROOT / "docs/licences.md").read_text()
    listed = dict(re.findall(r"^\| ([a-z0-9-]+) \| ([0-9][^ ]*) \| [^|]*\w[^|]* \| [a-zA-Z]+ \|$", page, re.M))
    assert listed == runpy.run_path(str(LOCK / "licences.py"))["pins"](), "run: make licences"
    assert page.startswith((LOCK / "licences.md.in").read_text().rstrip("\n"))

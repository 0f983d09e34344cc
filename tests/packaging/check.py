"""What is given to others: builds the sdist and the wheel, looks into them, installs the wheel, and uses it.

`make wheel-check` runs this with the interpreter of `.venv`. It makes two environments: one with what the wheel itself
asks for, from the index, and one with the pipeline's packages, which are those of `.venv`.
"""

import argparse
import email
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "pipeline/faceshards"
FACES = ("identities: 24", "identities: 4"), ("views: 4", "views: 2")
BARE = {"click", "filelock", "google-crc32c", "numcodecs", "numpy", "pyarrow", "tqdm", "zarr"}
READING = """
import importlib.util, sys
import faceshards
for heavy in ("torch", "cv2", "dask", "pandas", "pydantic", "dvc"):
    assert importlib.util.find_spec(heavy) is None, heavy
faces = faceshards.open(sys.argv[1], split="train")
seen = [name for batch in faces.batches(2, shuffle=True, view="variants") for name in batch["sample_id"].tolist()]
assert sorted(seen) == sorted(faces.take(range(len(faces)))["sample_id"].tolist()), seen
print(f"{len(seen)} faces read in one epoch, by", faceshards.__file__)
"""


class CheckError(Exception):
    """Something is not as it should be."""


def main() -> None:
    """Check all; exit with 1 and a sentence where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--twine", required=True, help="The command twine, which renders the README as the index does.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="faceshards-wheel-") as folder:
        try:
            check(Path(folder), options.twine)
        except CheckError as error:
            sys.exit(f"wheel-check: {error}")


def check(folder: Path, twine: str) -> None:
    """Build in a folder, and check what came out."""
    sdist, wheel = build(ROOT, folder / "dist", "sdist"), build(ROOT, folder / "dist", "wheel")
    check_wheel(wheel)
    check_sdist(sdist)
    with tarfile.open(sdist) as tar:
        # Python has this filter since 3.11.4, and Debian 12 has 3.11.2.
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        tar.extractall(folder / "unpacked")
    again = build(folder / "unpacked" / sdist.name.removesuffix(".tar.gz"), folder / "again", "wheel")
    if again.read_bytes() != wheel.read_bytes():
        raise CheckError("the sdist builds another wheel than the repository does")
    say("the sdist builds the same wheel, byte by byte")
    run([twine, "check", "--strict", str(sdist), str(wheel)])
    say("the README renders")
    faces = use_pipeline(folder, wheel)
    use_bare(folder, wheel, faces)


def build(source: Path, out: Path, target: str) -> Path:
    """Build one file of a source tree; only hatchling, which is installed, runs."""
    run([sys.executable, "-m", "hatchling", "build", "--directory", str(out), "--target", target], cwd=source)
    (built,) = out.glob("*.whl" if target == "wheel" else "*.tar.gz")
    return built


def check_wheel(wheel: Path) -> None:
    """The wheel has the package as git tracks it, and metadata; nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (about,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(about))
    info = about.removesuffix("METADATA")
    licences = {name.removeprefix(f"{info}licenses/") for name in names if name.startswith(f"{info}licenses/")}
    same("files of the wheel", {name for name in names if not name.startswith(info)}, tracked(PACKAGE, "pipeline/"))
    for needed in ("faceshards/py.typed", "faceshards/project/template/params.yaml.in"):
        if needed not in names:
            raise CheckError(f"the wheel has no {needed}")
    same("licence files", licences, set(metadata.get_all("License-File", [])))
    if "LicenseRef-Research-Only" not in metadata["License-Expression"] or len(licences) < 4:
        raise CheckError(f"the metadata hide the licence of the weights: {metadata['License-Expression']}")
    base = {line.partition(">")[0] for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line}
    same("packages that a bare install asks for", base, BARE)
    body = metadata.get_payload()
    if "](docs/" in body or not body.startswith("# faceshards"):
        raise CheckError("the README in the metadata leads to files that the index does not have")
    say(f"{wheel.name}: {len(names)} files, {wheel.stat().st_size:,} bytes, as expected")


def check_sdist(sdist: Path) -> None:
    """The sdist has what a wheel is built from; no tests, data or caches."""
    top = f"{sdist.name.removesuffix('.tar.gz')}/"
    with tarfile.open(sdist) as tar:
        names = {name.removeprefix(top) for name in tar.getnames()}
    beside = {".gitignore", "PKG-INFO", "pyproject.toml", "hatch_build.py", "LICENSE"}
    beside |= {"README.md", "CHANGELOG.md", "CITATION.cff", "LICENSES/LicenseRef-Research-Only.txt"}
    same("files of the sdist", names, tracked(PACKAGE, "") | beside)
    say(f"{sdist.name}: {len(names)} files, {sdist.stat().st_size:,} bytes, as expected")


def use_pipeline(folder: Path, wheel: Path) -> Path:
    """Make a data set of eight rendered faces by the wheel; the folder of its repository."""
    env = environment(folder / "pipeline", [sysconfig.get_path("purelib")])
    run([sys.executable, "-m", "pip", "--python", str(env / "python"), *PIP, "--no-deps", str(wheel)])
    path = os.pathsep.join([str(env), str(Path(sys.executable).parent), os.environ["PATH"]])
    say(run([str(env / "faceshards"), "init", "faces"], cwd=folder, PATH=path).splitlines()[0])
    recipe = folder / "faces/manifests/demo.yaml"
    text = recipe.read_text()
    for before, after in FACES:
        if before not in text:
            raise CheckError(f"{recipe.name} says no more {before!r}")
        text = text.replace(before, after)
    recipe.write_text(text)
    run(["dvc", "repro"], cwd=folder / "faces", PATH=path)
    say(run([str(env / "faceshards"), "info", "data/shards"], cwd=folder / "faces", PATH=path).strip().splitlines()[0])
    return folder / "faces"


def use_bare(folder: Path, wheel: Path, faces: Path) -> None:
    """Read the shards by the wheel and what it asks for alone."""
    env = environment(folder / "bare", [])
    pip = [sys.executable, "-m", "pip", "--python", str(env / "python"), *PIP]
    run([*pip, "--constraint", str(ROOT / "constraints.txt"), str(wheel)])
    shards, command = str(faces / "data/shards"), str(env / "faceshards")
    say(run([str(env / "python"), "-c", READING, shards], cwd=folder).strip())
    run([command, "verify", shards, "--against", str(faces / "manifests/shards.sha256")], cwd=folder)
    for words in (["info", shards], ["stats", shards], ["export", "webdataset", shards, str(folder / "tars")]):
        run([command, *words], cwd=folder)
    refused = subprocess.run([command, "stage", "plan"], cwd=folder, capture_output=True, text=True, check=False)
    if refused.returncode != 1 or "pip install 'faceshards[pipeline]'" not in refused.stderr:
        raise CheckError(f"a stage in a bare install names no extra: {refused.stderr}")
    say("a bare install reads, verifies and exports, and names the extra for the rest")


PIP = ("--disable-pip-version-check", "install", "--quiet")


def environment(folder: Path, more: Sequence[str]) -> Path:
    """Make a virtual environment without pip, which finds packages in more folders as well; where its programs are."""
    venv.create(folder, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    (packages / "more.pth").write_text("".join(f"{path}\n" for path in more))
    return folder / "bin"


def tracked(folder: str, without: str) -> set[str]:
    """Files that git tracks below a folder, by paths without their beginning."""
    found = run(["git", "ls-files", folder], cwd=ROOT).splitlines()
    return {name.removeprefix(without) for name in found}


def same(what: str, found: set[str], expected: set[str]) -> None:
    """See that two sets are the same."""
    if found != expected:
        surplus, missing = sorted(found - expected)[:5], sorted(expected - found)[:5]
        raise CheckError(f"{what}: expected without {surplus}, and with {missing}")


def run(command: Sequence[str], cwd: Path | None = None, **variables: str) -> str:
    """What a command prints; it sees nothing of this repository by the environment."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    # The program as PATH has it for the command, which need not be the PATH of this process.
    program = shutil.which(command[0], path=(env | variables)["PATH"]) or command[0]
    done = subprocess.run(
        [program, *command[1:]], cwd=cwd, env=env | variables, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CheckError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def say(line: str) -> None:
    """Tell what was found."""
    print(line, flush=True)


if __name__ == "__main__":
    main()

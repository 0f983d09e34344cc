"""Pins: the SHA-256 of files whose publishers give none, as they were when they were first used.

They are a file of the project, to be committed, so that nobody gets other bytes under the same address later.
"""

from pathlib import Path

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass
from ruamel.yaml import YAML

from faceshards.store.durable import written_whole
from faceshards.store.filelocks import alone_in
from faceshards.yamlfile import read_yaml
from faceshards.zoo.catalogue import kept_folder
from faceshards.zoo.published import Bytes, Sha256

_IN_A_PROJECT = Path("manifests/parsers.yaml")
_HEAD = """\
# The SHA-256 of parsers whose publishers give none, as they were when they were first used here, by the address that
# they came from. Commit this file: another file under an address is refused. Remove an entry to take what is there now.
"""


@dataclass(frozen=True, config=ConfigDict(extra="forbid", strict=True))
class Pin:
    """What a file must be.

    Attributes:
        sha256: of its bytes.
        bytes: how many.
    """

    sha256: Sha256
    bytes: Bytes


def pins_file() -> Path:
    """``manifests/parsers.yaml`` where the working directory is a project; else a file beside what is downloaded."""
    return _IN_A_PROJECT if _IN_A_PROJECT.parent.is_dir() else kept_folder() / "pins.yaml"


def read_pins(path: Path) -> dict[str, Pin]:
    """The pins of a file by address; none where there is no such file.

    Raises:
        ParamsError: it is no YAML 1.2, or not of this layout.
    """
    try:
        return read_yaml(path, TypeAdapter(dict[str, Pin]))
    except FileNotFoundError:
        return {}


def add_pin(path: Path, address: str, pin: Pin) -> None:
    """Add a pin, or replace that of the same address; no process loses that of another.

    Raises:
        ParamsError: as `read_pins`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone_in(path.parent):
        _write(path, {**read_pins(path), address: pin})


def make_pins(path: Path) -> None:
    """Write a file without pins where there is none."""
    if not path.exists():
        _write(path, {})


def _write(path: Path, pins: dict[str, Pin]) -> None:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.width = 1000
    with written_whole(path) as file:
        file.write(_HEAD.encode())
        yaml.dump({key: {"sha256": pin.sha256, "bytes": pin.bytes} for key, pin in sorted(pins.items())}, file)

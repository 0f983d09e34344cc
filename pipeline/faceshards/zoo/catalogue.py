"""Networks by name, and where their files lie on this machine."""

import hashlib
import os
from pathlib import Path

from faceshards.errors import WeightsError, WeightsNotFoundError
from faceshards.zoo.published import Published

_PREFIX = "zoo"
_DIGITS = 8
_ENTRIES = Path(__file__).with_name("entries")


def zoo() -> tuple[str, ...]:
    """The names that ``parse.weights`` takes, such as ``"zoo/farl-lapa.yaml"``, in order."""
    return tuple(name_of(path) for path in sorted(_ENTRIES.glob("*.yaml")))


def name_of(description: Path) -> str:
    """What a description is called in ``parse.weights``: an entry's name in the zoo, or its path."""
    return f"{_PREFIX}/{description.name}" if is_entry(description) else str(description)


def is_entry(description: Path) -> bool:
    """Whether a description is an entry of the zoo, and so a part of this package."""
    return description.parent == _ENTRIES


def description_of(weights: str | Path) -> Path:
    """Where a description lies: a file of that path, or the entry of the zoo that the name stands for.

    Raises:
        WeightsError: there are both, so that the name could mean either.
        WeightsNotFoundError: the name is one of the zoo's, and there is neither.

    Example:
        >>> description_of("zoo/farl-lapa.yaml").is_file(), description_of("my/net.yaml")
        (True, PosixPath('my/net.yaml'))
    """
    path = Path(weights)
    if path.parent != Path(_PREFIX):
        return path
    entry = _ENTRIES / path.name
    if path.is_file() and entry.is_file():
        raise WeightsError(
            f"{path}: found a file of this path, and an entry of this name in the zoo; rename the file or its folder"
        )
    if path.is_file():
        return path
    if not entry.is_file():
        raise WeightsNotFoundError(f"{path}: no such file, and no such entry in the zoo; it has {', '.join(zoo())}")
    return entry


def is_kept(description: Path, published: Published) -> bool:
    """Whether a model lies in `kept_folder`: it has an address, or its description is an entry of the zoo."""
    return published.url is not None or is_entry(description)


def model_of(description: Path, published: Published) -> Path:
    """Where the model of a description lies, or is to lie."""
    if is_kept(description, published):
        return kept_folder() / _folder_of(description, published) / published.file_name
    return description.parent / str(published.model)


def _folder_of(description: Path, published: Published) -> str:
    """Its name tells addresses apart: many projects share the folder, and what they call ``net.onnx`` differs."""
    if published.url is None:
        return description.stem
    return f"{description.stem}-{hashlib.sha256(published.url.encode()).hexdigest()[:_DIGITS]}"


def kept_folder() -> Path:
    """Where networks of the zoo are kept: ``$FACESHARDS_PARSERS``, else a folder in the user's cache folder."""
    chosen = os.environ.get("FACESHARDS_PARSERS")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "faceshards-parsers"

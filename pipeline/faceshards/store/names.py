"""Names that files give and that become paths: one grammar, held where they are read, and one way to make a path."""

import re
from collections.abc import Iterable
from pathlib import Path

from faceshards.errors import StoreFormatError

NAME = "1 to 64 letters, digits, '_' and '-' of ASCII, of which the first is a letter or a digit"
"""What the name of a split, an array or a dimension is, for messages."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,126}(?<!\.)", re.ASCII)
_PATH_MAX = 512
# Names that Windows gives to devices, in every folder and before every suffix.
_DEVICES = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")


def is_name(name: object) -> bool:
    """Whether a split, an array or a dimension may be called so: see `NAME`; names of Windows' devices may not."""
    return isinstance(name, str) and bool(_NAME.fullmatch(name)) and not _DEVICES.fullmatch(name.lower())


def alike(names: Iterable[str]) -> list[str]:
    """Those of some names that another one equals but for upper and lower case: one folder on many systems."""
    seen: dict[str, str] = {}
    return [name for name in names if seen.setdefault(name.lower(), name) != name]


def is_inside(path: object) -> bool:
    """Whether a POSIX path from a file leads to a place below a root, on every system, whatever the root is."""
    if not isinstance(path, str) or len(path) > _PATH_MAX:
        return False
    parts = path.split("/")
    return all(_PART.fullmatch(part) and not _DEVICES.fullmatch(part.partition(".")[0].lower()) for part in parts)


def path_in(root: Path, path: str, *, links: bool = True) -> Path:
    """The place below a root that a path out of a file names: every path that is made from data is made here.

    Args:
        root: a folder of ours.
        path: relative, with ``/`` between its parts.
        links: whether folders on the way may be links that lead out of the root. Whoever writes gives False, and
            replaces what lies at the path rather than follow it.

    Raises:
        StoreFormatError: it leads out of the root, or is no path on some system.

    Example:
        >>> path_in(Path("data/shards"), "train.zarr/image/c.0.0.0.0").as_posix()
        'data/shards/train.zarr/image/c.0.0.0.0'
    """
    place = root / path if is_inside(path) else None
    if place is None or (not links and not place.parent.resolve().is_relative_to(root.resolve())):
        raise StoreFormatError(
            f"{root}: expected the path of a file below it; found {path[:200]!r}, which leads out of it or is no path "
            "on every system. What names it was made by another program, or to do harm: do not use it"
        )
    return place

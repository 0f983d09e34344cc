"""Files of a store that are damaged: what `verify` and the readers say."""

from pathlib import Path

from outcomes import Outcome

from faceshards.errors import FaceShardsError, StoreFormatError
from faceshards.store.reader import Store
from faceshards.store.verify import verify


def values(path: Path) -> dict[str, bytes]:
    """Everything that a reader can get out of a store."""
    store = Store.open(path)
    arrays = {f"{s}/{a}": store.read(s, a).tobytes() for s in store.splits for a in store.arrays}
    return arrays | {"manifest": repr(store.manifest.to_pylist()).encode()}


def named_by_verify(path: Path) -> set[str]:
    try:
        return {problem.path for problem in verify(path).problems}
    except StoreFormatError as error:
        return {name for name in ("dataset.json",) if name in str(error)}


def noticed(path: Path, file: str, expected: dict[str, bytes]) -> tuple[Outcome, str]:
    """Read a store of which a file is damaged: `verify` has to name it, and nothing else than was written is read."""
    if file not in named_by_verify(path):
        return Outcome.FAILED, f"{file}: not named by verify"
    try:
        found = values(path)
    except FaceShardsError as error:
        return Outcome.NAMED, f"{file}: {error}"
    return (Outcome.HELD, file) if found == expected else (Outcome.FAILED, f"{file}: other values without a word")


def flipped(data: bytes, bit: int) -> bytes:
    """With one bit turned."""
    at = bit // 8
    return data[:at] + bytes([data[at] ^ 1 << bit % 8]) + data[at + 1 :]


def flip(path: Path) -> None:
    """Turn one bit in the first third of a file."""
    data = path.read_bytes()
    path.write_bytes(flipped(data, len(data) // 3 * 8 + 2))


def exchange(one: Path, other: Path) -> None:
    """Put two files in each other's place."""
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


DAMAGES = ("missing", "empty", "truncated", "longer")


def other_length(path: Path, damage: str) -> None:
    """Take a file away, or make it shorter or longer."""
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "truncated": data[: len(data) // 2], "longer": data + b"\0"}[damage])

"""Where a stage works until its out is whole: a folder that survives a kill and becomes the out by one rename."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from faceshards.errors import BusyError
from faceshards.store.durable import replace_folder

_PACKAGE = Path(__file__).parents[1]


@contextmanager
def work_dir(out: Path, *inputs: object) -> Iterator[Path]:
    """A folder for making `out`, the same one again when a killed run is started again with the same inputs.

    On leaving without an error, the folder replaces `out` and what other inputs had left behind is removed. On an error
    or a kill it stays, so that the next run goes on from there.

    Args:
        out: the folder to make; its parent holds the work folder too, so that the rename stays within a file system.
        inputs: dataclasses and plain values that decide the bytes: params, digests of what is read. The code of this
            package counts as well.

    Raises:
        BusyError: another process is making the same out.
    """
    root = out.parent / ".work"
    root.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(root / f"{out.name}.lock", timeout=0):
            work = root / f"{out.name}-{_digest(inputs)}"
            work.mkdir(exist_ok=True)
            yield work
            replace_folder(work, out)
            for stale in root.glob(f"{out.name}-*"):
                shutil.rmtree(stale)
    except Timeout as error:
        raise BusyError(f"{out} is being made by another process; wait for it or stop it, then run again") from error


def _digest(inputs: tuple[object, ...]) -> str:
    plain = [asdict(value) if is_dataclass(value) and not isinstance(value, type) else value for value in inputs]
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode())
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]

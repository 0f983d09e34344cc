"""What the operating system refuses, told as one message: the path, what is wrong with it, and the remedy."""

import errno
import os
import shutil
from pathlib import Path

_REMEDIES = {
    errno.ENOSPC: "The disk is full{free}: make room there and run again; what is finished is kept",
    errno.EDQUOT: "Your quota is used up{free}: make room there and run again; what is finished is kept",
    errno.EROFS: "That file system is mounted for reading alone: write to another, or mount it anew",
    errno.EACCES: "You may not: change the permissions of it or of its folder, or run as a user who may",
    errno.EPERM: "You may not: change the permissions of it or of its folder, or run as a user who may",
    errno.EMFILE: "Too many files are open: raise the limit (`ulimit -n 4096`), or use fewer workers (run.workers)",
    errno.ENFILE: "Too many files are open on this machine: end other programs, or use fewer workers (run.workers)",
    errno.EFBIG: "Files may not be that large here: raise the limit (`ulimit -f unlimited`), or use another disk",
    errno.ENOMEM: "Memory is short: use fewer workers (run.workers), or make store.shard_rows smaller",
    errno.EIO: "The disk, or the network to it, failed: look at it (dmesg), then run again",
    errno.ESTALE: "The file server has other files than before: mount it anew, then run again",
    errno.ENOENT: "It is not there: check the path",
    errno.ENOTDIR: "A part of the path is a file: check the path",
    errno.EISDIR: "It is a folder: name a file in it",
    errno.EEXIST: "It is there already: move it away, or name another",
    errno.ENAMETOOLONG: "The name is too long: name a shorter one",
    errno.ELOOP: "Its links go round in a circle: remove one of them",
    errno.EXDEV: "Folders that are renamed into each other lie on two disks: put them on one",
}
_OTHER = "Look at the path and the disk, then run again"

FINAL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.ENAMETOOLONG})
"""What does not pass by trying again."""


_NO_MEMORY = (
    "bad_alloc",
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "Insufficient memory",
    "could not create a primitive",
    "can't start new thread",
)
"""What the C++ library, PyTorch with its oneDNN, OpenCV and Python say in errors that are no MemoryError."""


_SHORT = frozenset({errno.ENOMEM, errno.EMFILE, errno.ENFILE})


def is_shortage(error: BaseException) -> bool:
    """Whether an error says that memory or open files have run out: it tells nothing about the file that was read.

    Whoever takes any error of a library for damage lets these pass, so that no face is dropped and no file is called
    damaged by a machine that had no room.

    Example:
        >>> is_shortage(MemoryError()), is_shortage(ValueError("a damaged PNG"))
        (True, False)
    """
    return _is_memory(error) or (isinstance(error, OSError) and error.errno in _SHORT)


def says_shortage(text: str) -> bool:
    """Whether the words of a library say that memory has run out.

    Example:
        >>> says_shortage("can't read data: Insufficient memory")
        True
    """
    return any(words in text for words in _NO_MEMORY)


def is_refusal(error: Exception) -> bool:
    """Whether an error says that the system refused something, so that `told` has the words for it.

    Example:
        >>> is_refusal(RuntimeError("std::bad_alloc")), is_refusal(RuntimeError("no such layer"))
        (True, False)
    """
    return isinstance(error, OSError) or _is_memory(error)


def _is_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or says_shortage(str(error))


def told(error: Exception, doing: str) -> str:
    """An error of the operating system, for a person.

    Args:
        error: one of which `is_refusal` is true.
        doing: what was done, such as ``"the stage align"``; it stands first.

    Returns:
        One sentence that names path and fault, and one with the remedy.

    Example:
        >>> told(OSError(errno.EROFS, os.strerror(errno.EROFS), "data/plan"), "the stage plan")
        'the stage plan: data/plan: Read-only file system. That file system is mounted for reading alone: ...'
    """
    if not isinstance(error, OSError):
        said = (str(error) or "no room for more").splitlines()[0]
        return f"{doing}: out of memory ({said}). {_REMEDIES[errno.ENOMEM]}"
    path = None if error.filename is None else os.fsdecode(error.filename)
    number = error.errno or 0
    said = error.strerror or str(error) or type(error).__name__
    remedy = _REMEDIES.get(number, _OTHER).format(free=_free(path) if "{free}" in _REMEDIES.get(number, "") else "")
    return ": ".join(part for part in (doing, path, said) if part) + f". {remedy}"


def _free(path: str | None) -> str:
    place = Path(path or ".").absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        return f" ({shutil.disk_usage(place).free:,} bytes free at {place if place.is_dir() else place.parent})"
    except OSError:
        return ""

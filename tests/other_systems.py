"""A process that lacks what only POSIX systems have, for programs that a test starts: the first thing they import.

Modules, functions and flags that Python has on Windows alone or nowhere are gone, and the file system refuses what
Windows' refuses: a folder is not opened, and a file that this process has open is neither removed nor renamed. It is no
Windows: paths, letter case and text files stay as they are here, and so does what numpy's, torch's and Python's own
builds for Linux cannot do without.
"""

import errno
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_MODULES = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog")
_FUNCTIONS = (
    *("chown", "fchmod", "fchown", "lchown", "chroot", "fchdir", "link", "mkfifo", "mknod", "memfd_create", "eventfd"),
    *("pread", "preadv", "pwrite", "pwritev", "readv", "writev", "sendfile", "splice", "copy_file_range", "lockf"),
    *("posix_fadvise", "posix_fallocate", "fdatasync", "sync", "pathconf", "confstr"),
    *("fork", "forkpty", "nice", "getloadavg", "ttyname", "openpty", "pipe2"),
    *("getuid", "geteuid", "getgid", "getegid", "getgroups", "getpgid", "getpgrp", "getsid", "setsid", "killpg"),
    *("sched_getaffinity", "sched_setaffinity", "sched_yield", "wait", "wait3", "wait4", "waitid", "getpriority"),
    *("getxattr", "setxattr", "listxattr", "removexattr", "posix_spawn", "posix_spawnp"),
)
_FLAGS = (
    "O_DIRECTORY",
    "O_NOFOLLOW",
    "O_NONBLOCK",
    "O_CLOEXEC",
    "O_SYNC",
    "O_DSYNC",
    "O_PATH",
    "O_TMPFILE",
    "O_NOATIME",
)
_SIGNALS = ("SIGKILL", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGALRM", "pthread_sigmask", "pthread_kill", "alarm")


def lack_posix() -> None:
    """Take all of it away from this process, for good."""
    for module in _MODULES:
        sys.modules[module] = None  # type: ignore[assignment]  # which is how an import is made to fail
    for owner, names in ((os, (*_FUNCTIONS, *_FLAGS)), (signal, _SIGNALS)):
        for name in names:
            if hasattr(owner, name):
                delattr(owner, name)
    if hasattr(os, "process_cpu_count"):  # Python 3.13 has one that asks sched_getaffinity, or else counts all
        os.process_cpu_count = os.cpu_count
    for of_handles in (os.supports_dir_fd, os.supports_fd):
        of_handles.clear()
    os.open = _unless(_is_folder, os.open)
    for name in ("unlink", "remove", "rename", "replace", "rmdir"):
        setattr(os, name, _unless(_is_open, getattr(os, name)))


def _unless(refused: Callable[[str], bool], function: Callable[..., Any]) -> Callable[..., Any]:
    def like_windows(path: Any, *args: Any, **options: Any) -> Any:
        if refused(os.fspath(path)):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))
        to = args[0] if args and function.__name__ in ("rename", "replace") else None
        if to is not None and (refused(os.fspath(to)) or (function.__name__ == "rename" and Path(to).exists())):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(to))
        return function(path, *args, **options)

    return like_windows


def _is_folder(path: str) -> bool:
    return Path(path).is_dir()


def _is_open(path: str) -> bool:
    """Whether this process has it, or something below it, open or mapped."""
    real = os.path.realpath(path)
    if real.startswith("/dev/shm/") or real.endswith(".lock"):  # multiprocessing and filelock do otherwise on Windows
        return False
    opened = set()
    for handle in Path("/proc/self/fd").iterdir():
        try:
            opened.add(str(handle.readlink()))
        except FileNotFoundError:  # of the list itself
            continue
    opened |= {line.split(maxsplit=5)[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
    return any(name == real or name.startswith(f"{real}/") for name in opened)

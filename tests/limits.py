"""A bound on the memory that a process may reserve, from what it has reserved."""

import resource
from pathlib import Path


def reserved() -> int:
    """Bytes that this process has reserved."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def limit_memory(more: int) -> tuple[int, int]:
    """Let this process reserve so many bytes more: what goes beyond is a MemoryError, or ends it. The limits before."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (reserved() + more, before[1]))
    return before

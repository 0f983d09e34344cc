"""Which GPU each worker process of this machine is bound to: one worker a GPU, and no two on the same."""

import os
from collections.abc import Mapping

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""The environment variable by which CUDA shows a process some of the machine's GPUs. It counts from CUDA's start."""

AT_ONCE = 3
"""Shards that the worker of a GPU makes at once: while one is parsed, others are packed and written to the disk."""


def gpu_bindings(count: int, visible: str | None, workers: int) -> list[str]:
    """The value of `VISIBLE` for each worker, so that each sees one GPU.

    Args:
        count: how many GPUs CUDA shows this process.
        visible: the value of `VISIBLE` here, None where it is not set: numbers, or names such as ``"GPU-8932f937"`` and
            ``"MIG-..."``, with commas between.
        workers: the most workers that are wanted.

    Returns:
        One value a worker; as many as there are GPUs, and not more than `workers`.

    Example:
        >>> gpu_bindings(4, None, 8)
        ['0', '1', '2', '3']
        >>> gpu_bindings(2, "GPU-8932f937,5", 8)
        ['GPU-8932f937', '5']
    """
    named = [name.strip() for name in (visible or "").split(",") if name.strip()]
    # CUDA itself stops at the first name that means nothing, so the first `count` names are what it shows.
    names = named if len(named) >= count else [str(index) for index in range(count)]
    return names[: min(count, workers)]


def gpu_count() -> int:
    """How many GPUs CUDA shows this process; CUDA is not started."""
    import torch

    return torch.cuda.device_count()


def shown(environment: Mapping[str, str] = os.environ) -> str | None:
    """The value of `VISIBLE`."""
    return environment.get(VISIBLE)

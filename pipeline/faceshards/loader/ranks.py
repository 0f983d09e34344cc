"""Which of the processes that share an epoch this one is."""

import os
import sys

from faceshards.errors import ParamsError


def own_rank(rank: int | None, world_size: int | None, *, strict: bool = True) -> tuple[int, int]:
    """The number of this process, and how many share the samples.

    Args:
        rank: as given by hand, which wins; None to look it up, first in `torch.distributed` where it is initialised,
            then in the environment variables ``RANK`` and ``WORLD_SIZE`` that torchrun and Lightning set.
        world_size: given with `rank` or not at all.
        strict: refuse an environment that names the number of processes and not which one this is. Lightning's is so
            until it has initialised `torch.distributed`.

    Returns:
        The two numbers; (0, 1) where nothing says otherwise.

    Raises:
        ParamsError: only one of the two is given or, if `strict`, found, or a variable of the environment is no number.
    """
    if (rank is None) != (world_size is None):
        raise ParamsError(f"rank and world_size go together; got rank={rank}, world_size={world_size}")
    if rank is not None and world_size is not None:
        return rank, world_size
    # torch is looked at only where somebody else has loaded it: a numpy trainer need not have it.
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return _of_environment(strict)


def _of_environment(strict: bool) -> tuple[int, int]:
    found = {name: os.environ[name] for name in ("RANK", "WORLD_SIZE") if os.environ.get(name)}
    if not found or found.get("WORLD_SIZE") == "1" or not (strict or "RANK" in found):
        return 0, 1
    try:
        rank, world_size = int(found["RANK"]), int(found["WORLD_SIZE"])
        if not 0 <= rank < world_size:
            raise ValueError
    except (KeyError, ValueError):
        raise ParamsError(
            "the environment should name this process by RANK, a number from 0, and WORLD_SIZE, or by neither; it has "
            f"{found}; unset them, or pass rank=... and world_size=..."
        ) from None
    return rank, world_size

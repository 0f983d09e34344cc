"""Times of jobs run by turns, so that whatever else the machine does meets all of them alike."""

import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray


def by_turns(
    jobs: Mapping[str, Callable[[], object]], rounds: int, device: str = "cpu", wall: bool = False
) -> dict[str, NDArray[np.float64]]:
    """Seconds of each job in each round, after one round to warm up: name to (rounds,).

    On the CPU these are seconds of processor time, which other programs disturb less; on a device, or for jobs on
    several threads (`wall`), of the clock.
    """
    clock = time.process_time if device == "cpu" and not wall else time.perf_counter
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds + 1):
        for name, job in jobs.items():
            start = clock()
            job()
            if device != "cpu":
                torch.cuda.synchronize()
            seconds[name].append(clock() - start)
    return {name: np.array(s[1:]) for name, s in seconds.items()}


def ratio(of: NDArray[np.float64], to: NDArray[np.float64]) -> str:
    """Median over the rounds of one time over another, with its quartiles."""
    low, middle, high = np.quantile(of / to, (0.25, 0.5, 0.75))
    return f"{middle:7.2f}  ({low:.2f} to {high:.2f})"

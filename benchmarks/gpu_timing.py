"""Times on a device, and how busy it is."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch


def seconds_of(job: Callable[[], object], device: str, budget: float, least: int = 3) -> float:
    """Median seconds of a call, after one to warm up; calls go on until the budget is spent."""
    _settled(job, device)
    times: list[float] = []
    end = time.perf_counter() + budget
    while len(times) < least or (time.perf_counter() < end and len(times) < 1000):
        start = time.perf_counter()
        _settled(job, device)
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def _settled(job: Callable[[], object], device: str) -> None:
    job()
    if device == "cuda":
        torch.cuda.synchronize()


class Utilisation:
    """NVML's own figure: in which share of the time a kernel ran. None where pynvml is not there."""

    def __init__(self) -> None:
        self.share: float | None = None

    @contextmanager
    def watched(self, device: str) -> Iterator[None]:
        """Ask every tenth of a second while the context lasts."""
        self.share, samples, stop = None, [], threading.Event()

        def ask() -> None:
            while not stop.wait(0.1):
                try:
                    samples.append(torch.cuda.utilization())
                except Exception:  # no pynvml, or a machine that does not tell
                    return

        thread = threading.Thread(target=ask, daemon=True)
        if device == "cuda":
            thread.start()
        try:
            yield
        finally:
            stop.set()
            if device == "cuda":
                thread.join()
            if len(samples) > 5:
                self.share = float(np.mean(samples[3:])) / 100

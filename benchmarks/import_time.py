"""How long `import faceshards` takes, beside numpy and zarr: medians of fresh interpreters, taken in turn.

python benchmarks/import_time.py
"""

import statistics
import subprocess
import sys

REPEATS = 11
STATEMENTS = (
    "import faceshards",
    "import faceshards; faceshards.open",
    "import numpy",
    "import zarr",
)
HEAVY = ("torch", "cv2", "dask", "pandas", "click", "numpy", "zarr", "pyarrow")

# The interpreter's own start is not counted.
TIMED = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"
LOADED = "{}; import sys; print(*[name for name in {!r} if name in sys.modules])"


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    seconds: dict[str, list[float]] = {statement: [] for statement in STATEMENTS}
    for _ in range(REPEATS):
        for statement in STATEMENTS:
            seconds[statement].append(float(run(TIMED.format(statement))))
    medians = {statement: statistics.median(times) for statement, times in seconds.items()}
    print(f"{'':36}{'ms':>8}{'/ numpy':>9}{'/ zarr':>9}  loads")
    for statement, median in medians.items():
        ratios = (median / medians[f"import {module}"] for module in ("numpy", "zarr"))
        loaded = run(LOADED.format(statement, HEAVY))
        print(f"{statement:36}{median * 1e3:8.1f}", *(f"{ratio:8.2f}" for ratio in ratios), f" {loaded}")


if __name__ == "__main__":
    main()

"""Benchmarks are run by hand; here only that they still measure what is there, on a handful of faces."""

from pathlib import Path

from forked import run_with_torch


def run(root: Path, name: str, *arguments: object) -> str:
    done = run_with_torch(root / "benchmarks" / name, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_loader_is_timed_beside_a_memory_map_and_without_its_checksums(
    root: Path, frames_zip: Path, tmp_path: Path
) -> None:
    few = ("--work", tmp_path, "--samples", 256, "--repeats", 1, "--seconds", 0.1, "--modes", "sequential")
    told = run(root, "loader.py", frames_zip, *few, "--only", "faceshards fast", "memmap")
    assert "fast over the memmap" in told
    told = run(root, "checksums.py", tmp_path / "256", "--rounds", 1)
    assert told.count("time of an epoch with checksums over without") == 4
